//! Batches of rows, written by one statement from one description of the table's columns: each column is named once, with its
//! type and where its value comes from.

use crate::Tx;
use crate::statement::{Statement, Value};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, SingleValue, SqlType};
use diesel_async::RunQueryDsl;

/// Rows to be written and the columns that were named so far.
#[must_use = "nothing is written until `insert`, `insert_new` or `upsert`"]
pub struct Columns<'a, R> {
    table: &'static str,
    key: &'static str,
    rows: Vec<&'a R>,
    names: Vec<&'static str>,
    /// Columns that only an insert writes.
    fixed: Vec<&'static str>,
    values: Vec<Value<'a>>,
}

impl<'a, R> Columns<'a, R> {
    /// Rows for a table, told apart by the column `key`.
    pub fn of(
        table: &'static str,
        key: &'static str,
        rows: impl IntoIterator<Item = &'a R>,
    ) -> Self {
        let rows = rows.into_iter().collect();
        Self { table, key, rows, names: Vec::new(), fixed: Vec::new(), values: Vec::new() }
    }

    /// A column of this type whose values these are.
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

    /// A column that never changes once its row is there.
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

    /// Inserts the rows that are new, in their order; leaves out those that any constraint of the table is against, so that of two
    /// inserts at the same time one gives way at once.
    pub async fn insert_new(self, tx: &mut Tx) -> QueryResult<usize> {
        self.execute(tx, "on conflict do nothing").await
    }

    /// [`Columns::insert_new`], and says by the column `returning` which rows were new.
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

    /// Inserts the rows, or changes those whose key is there.
    pub async fn upsert(self, tx: &mut Tx) -> QueryResult<usize> {
        let set = self.assignments("excluded");
        let rest = format!("on conflict ({}) do update set {set}", self.key);
        self.execute(tx, &rest).await
    }

    /// Changes the rows, which are there.
    pub async fn update(self, tx: &mut Tx) -> QueryResult<usize> {
        if self.rows.is_empty() {
            return Ok(0);
        }
        let Self { table, key, .. } = self;
        let (names, places) = (self.names.join(", "), self.places());
        let text = format!(
            "update {table} set {} from unnest({places}) as changed ({names})
             where {table}.{key} = changed.{key}",
            self.assignments("changed"),
        );
        Statement::new(text, self.values).execute(tx.conn()).await
    }

    /// A statement that reads the rows as `unnest($1, …) as <name> (<columns>)`, which `sql` is given places and names for.
    pub fn with(self, sql: impl FnOnce(&str, &str) -> String) -> Statement<'a> {
        let text = sql(&self.places(), &self.names.join(", "));
        Statement::new(text, self.values)
    }

    async fn execute(self, tx: &mut Tx, rest: &str) -> QueryResult<usize> {
        if self.rows.is_empty() {
            return Ok(0);
        }
        self.statement(rest).execute(tx.conn()).await
    }

    fn statement(self, rest: &str) -> Statement<'a> {
        let (names, places) = (self.names.join(", "), self.places());
        let text =
            format!("insert into {} ({names}) select * from unnest({places}) {rest}", self.table);
        Statement::new(text, self.values)
    }

    fn places(&self) -> String {
        let places: Vec<String> =
            (1..=self.values.len()).map(|place| format!("${place}")).collect();
        places.join(", ")
    }

    fn assignments(&self, source: &str) -> String {
        let changes = |name: &&&str| **name != self.key && !self.fixed.contains(*name);
        let changing = self.names.iter().filter(changes);
        changing.map(|name| format!("{name} = {source}.{name}")).collect::<Vec<_>>().join(", ")
    }
}
