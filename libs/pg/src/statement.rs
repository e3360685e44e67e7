//! Hand-written SQL statements. `diesel::sql_query` is parsed again on every call, in a round trip of its own; these statements are
//! prepared once on each connection.

use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{SingleValue, SqlType, Untyped};
use std::borrow::Cow;

/// A statement with values for its placeholders `$1`, `$2` and so on; its rows are read by column name.
#[must_use = "a statement does nothing until it is executed"]
pub struct Statement<'a> {
    text: Cow<'static, str>,
    values: Vec<Value<'a>>,
}

/// A bound value of any SQL type.
pub(crate) type Value<'a> = Box<dyn QueryFragment<Pg> + Send + 'a>;

/// A statement. Never format values into its text: each distinct text stays prepared on each connection.
pub fn statement<'a>(text: impl Into<Cow<'static, str>>) -> Statement<'a> {
    Statement { text: text.into(), values: Vec::new() }
}

impl<'a> Statement<'a> {
    pub(crate) fn new(text: String, values: Vec<Value<'a>>) -> Self {
        Self { text: text.into(), values }
    }

    /// Binds the value of the next placeholder.
    pub fn bind<ST, V>(mut self, value: V) -> Self
    where
        ST: SqlType + SingleValue,
        V: AsExpression<ST>,
        V::Expression: QueryFragment<Pg> + Send + 'a,
    {
        self.values.push(Box::new(value.as_expression()));
        self
    }
}

impl QueryFragment<Pg> for Statement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut used = vec![false; self.values.len()];
        let mut pieces = self.text.split('$');
        out.push_sql(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = piece.split_at(digits);
            let index = number.parse().ok().and_then(|number: usize| number.checked_sub(1));
            let found = index.and_then(|index| self.values.get(index).zip(used.get_mut(index)));
            let (value, used) =
                found.ok_or_else(|| unbuilt(format!("a statement has no value for ${piece}")))?;
            value.walk_ast(out.reborrow())?;
            out.push_sql(rest);
            *used = true;
        }
        // A value without a placeholder is never sent, so the server could not report it.
        if let Some(index) = used.iter().position(|used| !used) {
            let number = index + 1;
            return Err(unbuilt(format!(
                "a statement has a value for ${number}, but no such placeholder"
            )));
        }
        Ok(())
    }
}

fn unbuilt(why: String) -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError(why.into())
}

// Diesel's statement cache then uses the text as its key.
impl QueryId for Statement<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}
