//! `schema.rs` equals the result of the migrations, and every column has a comment.

use crate::shop::{Shop, TABLES};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel_async::RunQueryDsl;
use std::collections::BTreeSet;

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
    #[diesel(sql_type = Nullable<Text>)]
    comment: Option<String>,
}

#[tokio::test]
async fn the_committed_schema_equals_the_migrated_one() {
    let shop = Shop::open().await;
    let own = TABLES.iter().filter(|table| **table != "outbox");
    let own = own.map(|table| format!("'{table}'::regclass")).collect::<Vec<_>>().join(", ");
    let sql = &format!(
        "select c.relname::text as \"table\", a.attname::text as name, t.typname::text as kind,
                not a.attnotnull as nullable, col_description(c.oid, a.attnum) as comment
         from pg_class c join pg_attribute a on a.attrelid = c.oid
         join pg_type t on t.oid = a.atttypid
         where c.oid in ({own}) and a.attnum > 0 and not a.attisdropped
         order by c.relname, a.attnum"
    );
    let columns: Vec<Column> = shop
        .app
        .db
        .read("test", async |tx| Ok(sql_query(sql).load(tx.conn()).await?))
        .await
        .unwrap();
    let migrated: BTreeSet<String> = columns
        .iter()
        .map(|column| {
            assert!(column.comment.is_some(), "{}.{} has no comment", column.table, column.name);
            let kind = column.kind[..1].to_uppercase() + &column.kind[1..];
            let kind = if column.nullable { format!("Nullable<{kind}>") } else { kind };
            format!(
                "{}.{} -> {kind}",
                column.table,
                column.name.replace("type", "type_").replace("owner_type_", "owner_type")
            )
        })
        .collect();
    assert_eq!(committed(include_str!("../../src/schema.rs")), migrated);
    shop.close().await;
}

fn committed(schema: &str) -> BTreeSet<String> {
    let (mut table, mut columns) = (String::new(), BTreeSet::new());
    for line in schema.lines().map(str::trim) {
        match (line.split_once(" ("), line.strip_suffix(',')) {
            (_, Some(column)) if line.contains(" -> ") => {
                columns.insert(format!("{table}.{column}"));
            }
            (Some((name, _)), None) if line.ends_with('{') => table = name.to_owned(),
            _ => {}
        }
    }
    columns
}
