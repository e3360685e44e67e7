//! Lists aggregates that are not deleted, page by page and ordered by id.

use super::stored::{Stored, from_rows};
use crate::Tx;
use crate::statement::{Statement, Value};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::{BigInt, SingleValue, SqlType, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use std::marker::PhantomData;

/// A query for a page of aggregates.
#[must_use = "nothing is read until `load`"]
pub struct List<'a, E> {
    conditions: String,
    values: Vec<Value<'a>>,
    of: PhantomData<fn() -> E>,
}

/// A page of up to `limit` aggregates after an id.
pub fn list<'a, E: Stored>(after: Id<E>, limit: i64) -> List<'a, E> {
    let values: Vec<Value<'a>> = vec![
        Box::new(AsExpression::<SqlUuid>::as_expression(after)),
        Box::new(AsExpression::<BigInt>::as_expression(limit)),
    ];
    List { conditions: String::new(), values, of: PhantomData }
}

impl<'a, E: Stored> List<'a, E> {
    /// Adds a condition in which `?` stands for the value and `owner` for the aggregate's row; without a value it adds nothing.
    pub fn matching<ST, V>(mut self, condition: &str, value: Option<V>) -> Self
    where
        ST: SqlType + SingleValue,
        V: AsExpression<ST>,
        V::Expression: QueryFragment<Pg> + Send + 'a,
    {
        let Some(value) = value else { return self };
        self.values.push(Box::new(value.as_expression()));
        let place = format!("${}", self.values.len());
        self.conditions.push_str(" and ");
        self.conditions.push_str(&condition.replace('?', &place));
        self
    }

    /// Reads the page.
    pub async fn load(self, tx: &mut Tx) -> Result<Vec<E>, Fault> {
        let (select, id) = (E::select(), E::ID);
        let text = format!(
            "{select} where owner.{id} > $1 and owner.deleted_at is null{} order by owner.{id} limit $2",
            self.conditions
        );
        from_rows(Statement::new(text, self.values).get_results(tx.conn()).await?)
    }
}
