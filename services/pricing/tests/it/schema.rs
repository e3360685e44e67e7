//! `schema.rs` equals the result of the migrations, and every column has a comment.

use crate::shop::Shop;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel_async::RunQueryDsl;
use std::fmt::Write;

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
    let columns: Vec<Column> = shop
        .app
        .db
        .read("test", async |tx| {
            Ok(sql_query(
                "select c.relname::text as \"table\", a.attname::text as name, t.typname::text as kind,
                        not a.attnotnull as nullable, col_description(c.oid, a.attnum) as comment
                 from pg_class c join pg_attribute a on a.attrelid = c.oid
                 join pg_type t on t.oid = a.atttypid
                 where c.oid in ('prices'::regclass, 'items'::regclass)
                   and a.attnum > 0 and not a.attisdropped
                 order by c.relname desc, a.attnum",
            )
            .load(tx.conn())
            .await?)
        })
        .await
        .unwrap();
    let schema = include_str!("../../src/schema.rs");
    let mut expected = String::new();
    for column in &columns {
        let (mut first, rest) = (column.kind[..1].to_uppercase(), &column.kind[1..]);
        first.push_str(rest);
        let kind = if column.nullable { format!("Nullable<{first}>") } else { first };
        writeln!(expected, "{} -> {kind},", column.name).unwrap();
        assert!(column.comment.is_some(), "{}.{} has no comment", column.table, column.name);
    }
    let lines = schema.lines().map(str::trim).filter(|line| line.contains(" -> "));
    let committed: String = lines.map(|line| format!("{line}\n")).collect();
    assert_eq!(committed, expected);
    shop.close().await;
}
