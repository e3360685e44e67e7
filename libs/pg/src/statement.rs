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
    values: Vec<Box<dyn QueryFragment<Pg> + Send + 'a>>,
}

/// A statement. Values never go into its text: each text is kept prepared on each connection.
pub fn statement<'a>(text: impl Into<Cow<'static, str>>) -> Statement<'a> {
    Statement { text: text.into(), values: Vec::new() }
}

impl<'a> Statement<'a> {
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
        let mut pieces = self.text.split('$');
        out.push_sql(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (place, rest) = piece.split_at(digits);
            let place: usize = place.parse().unwrap_or_default();
            let value = place.checked_sub(1).and_then(|index| self.values.get(index));
            let value = value.ok_or_else(|| no_value(piece))?;
            value.walk_ast(out.reborrow())?;
            out.push_sql(rest);
        }
        Ok(())
    }
}

fn no_value(piece: &str) -> diesel::result::Error {
    let message = format!("a statement has no value for ${piece}");
    diesel::result::Error::QueryBuilderError(message.into())
}

// The text tells statements apart.
impl QueryId for Statement<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}
