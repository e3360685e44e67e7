//! Writes a batch of rows with one statement. The caller describes each column once: its name, its type and how to read its value
//! from a row.

use crate::Tx;
use crate::statement::{Statement, Value};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, SingleValue, SqlType};
use diesel_async::RunQueryDsl;

/// Rows to write, and the columns described so far.
#[must_use = "nothing is written until `insert`, `insert_new` or `update`"]
pub struct Columns<'a, R> {
    table: &'static str,
    key: &'static str,
    rows: Vec<&'a R>,
    names: Vec<&'static str>,
    /// Columns that an insert writes and an update leaves unchanged.
    fixed: Vec<&'static str>,
    values: Vec<Value<'a>>,
}

impl<'a, R> Columns<'a, R> {
    /// Rows for a table whose unique column is `key`.
    pub fn of(
        table: &'static str,
        key: &'static str,
        rows: impl IntoIterator<Item = &'a R>,
    ) -> Self {
        let rows = rows.into_iter().collect();
        Self { table, key, rows, names: Vec::new(), fixed: Vec::new(), values: Vec::new() }
    }

    /// Adds a column of the SQL type `ST`; `value` reads its value from a row.
    pub fn column<ST, V>(mut self, name: &'static str, value: impl Fn(&'a R) -> V) -> Self
    where
        ST: 'static,
        Array<ST>: SqlType + SingleValue,
        Vec<V>: AsExpression<Array<ST>>,
        <Vec<V> as AsExpression<Array<ST>>>::Expression: QueryFragment<Pg> + Send + 'a,
    {
        let values: Vec<V> = self.rows.iter().map(|row| value(row)).collect();
        self.names.push(name);
        self.values.push(Box::new(values.as_expression()));
        self
    }

    /// Adds a column that never changes after its row was inserted.
    pub fn fixed<ST, V>(mut self, name: &'static str, value: impl Fn(&'a R) -> V) -> Self
    where
        ST: 'static,
        Array<ST>: SqlType + SingleValue,
        Vec<V>: AsExpression<Array<ST>>,
        <Vec<V> as AsExpression<Array<ST>>>::Expression: QueryFragment<Pg> + Send + 'a,
    {
        self.fixed.push(name);
        self.column(name, value)
    }

    /// Inserts the rows in their order.
    pub async fn insert(self, tx: &mut Tx) -> QueryResult<usize> {
        self.execute(tx, "").await
    }

    /// Inserts the rows in their order and skips those that conflict with an existing row under a unique or exclusion constraint.
    pub async fn insert_new(self, tx: &mut Tx) -> QueryResult<usize> {
        self.execute(tx, "on conflict do nothing").await
    }

    /// Like [`Columns::insert_new`], and returns the key column of the rows that were inserted.
    pub async fn insert_returning<T>(self, tx: &mut Tx) -> QueryResult<Vec<T>>
    where
        T: diesel::QueryableByName<Pg> + Send + 'static,
    {
        if self.rows.is_empty() {
            return Ok(Vec::new());
        }
        let rest = format!("on conflict do nothing returning {}", self.key);
        self.statement(&rest).get_results(tx.conn()).await
    }

    /// Updates existing rows; a row whose key does not exist is skipped.
    pub async fn update(mut self, tx: &mut Tx) -> QueryResult<usize> {
        if self.rows.is_empty() {
            return Ok(0);
        }
        let described = self.names.into_iter().zip(self.values);
        let (key, fixed) = (self.key, &self.fixed);
        (self.names, self.values) =
            described.filter(|(name, _)| *name == key || !fixed.contains(name)).unzip();
        let Self { table, key, .. } = self;
        let (names, placeholders) = (self.names.join(", "), self.placeholders());
        let text = format!(
            "update {table} set {} from unnest({placeholders}) as changed ({names})
             where {table}.{key} = changed.{key}",
            self.assignments(),
        );
        Statement::new(text, self.values).execute(tx.conn()).await
    }

    /// A statement of the caller's that reads the rows as `unnest($1, …) as <name> (<columns>)`; `sql` gets the list of
    /// placeholders and the list of column names.
    pub fn with(self, sql: impl FnOnce(&str, &str) -> String) -> Statement<'a> {
        let text = sql(&self.placeholders(), &self.names.join(", "));
        Statement::new(text, self.values)
    }

    async fn execute(self, tx: &mut Tx, rest: &str) -> QueryResult<usize> {
        if self.rows.is_empty() {
            return Ok(0);
        }
        self.statement(rest).execute(tx.conn()).await
    }

    fn statement(self, rest: &str) -> Statement<'a> {
        let (names, placeholders) = (self.names.join(", "), self.placeholders());
        let text = format!(
            "insert into {} ({names}) select * from unnest({placeholders}) {rest}",
            self.table
        );
        Statement::new(text, self.values)
    }

    fn placeholders(&self) -> String {
        let numbers = 1..=self.values.len();
        numbers.map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
    }

    fn assignments(&self) -> String {
        let changing = self.names.iter().filter(|name| **name != self.key);
        changing.map(|name| format!("{name} = changed.{name}")).collect::<Vec<_>>().join(", ")
    }
}
