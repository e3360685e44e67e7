//! Statements that are written out. `diesel::sql_query` has its text parsed and planned anew on every call, in a round trip of
//! its own; these are prepared once for each connection.

use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{SingleValue, SqlType, Untyped};
use std::borrow::Cow;

/// A statement with values for its places `$1`, `$2` and so on; its rows are read by the names of their columns.
#[must_use = "a statement does nothing until it is executed"]
pub struct Statement<'a> {
    text: Cow<'static, str>,
    values: Vec<Value<'a>>,
}

/// A value with its type forgotten.
pub(crate) type Value<'a> = Box<dyn QueryFragment<Pg> + Send + 'a>;

/// A statement. Values never go into its text: each text is kept prepared on each connection.
pub fn statement<'a>(text: impl Into<Cow<'static, str>>) -> Statement<'a> {
    Statement { text: text.into(), values: Vec::new() }
}

impl<'a> Statement<'a> {
    pub(crate) fn new(text: String, values: Vec<Value<'a>>) -> Self {
        Self { text: text.into(), values }
    }

    /// The value of the next place.
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
        let mut placed = vec![false; self.values.len()];
        let mut pieces = self.text.split('$');
        out.push_sql(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (place, rest) = piece.split_at(digits);
            let index = place.parse().ok().and_then(|place: usize| place.checked_sub(1));
            let found = index.and_then(|index| self.values.get(index).zip(placed.get_mut(index)));
            let (value, placed) =
                found.ok_or_else(|| unbuilt(format!("a statement has no value for ${piece}")))?;
            value.walk_ast(out.reborrow())?;
            out.push_sql(rest);
            *placed = true;
        }
        // The server would refuse it too, had it been told.
        if let Some(index) = placed.iter().position(|placed| !placed) {
            let place = index + 1;
            return Err(unbuilt(format!(
                "a statement has a value for ${place}, but no such place"
            )));
        }
        Ok(())
    }
}

fn unbuilt(why: String) -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError(why.into())
}

// The text tells statements apart.
impl QueryId for Statement<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}
