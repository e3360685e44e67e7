//! Hand-written SQL.

use crate::fixture::{Fixture, number};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::RunQueryDsl;
use fault::{Fault, Kind};
use pg::{Tx, statement};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    text: String,
}

async fn select(tx: &mut Tx, texts: &[&str], other: Option<&str>) -> Result<String, Fault> {
    let row: Row = statement(
        "select concat_ws('-', $2, array_to_string($1, '+'), $2, cardinality($1)) as text",
    )
    .bind::<Array<Text>, _>(texts)
    .bind::<Nullable<Text>, _>(other)
    .get_result(tx.conn())
    .await?;
    Ok(row.text)
}

#[tokio::test]
async fn placeholders_get_their_values_in_any_order_and_repeatedly() {
    let fixture = Fixture::new().await;
    let texts = async |tx: &mut Tx| {
        Ok([select(tx, &["a", "b"], Some("x$1")).await?, select(tx, &[], None).await?])
    };
    let texts = fixture.db.read("test.select", texts).await.unwrap();
    assert_eq!(texts, ["x$1-a+b-x$1-2", "-0"]);
}

#[tokio::test]
async fn a_statement_is_prepared_once_for_each_connection() {
    let fixture = Fixture::new().await;
    let prepared = async |tx: &mut Tx| {
        for other in ["x", "y", "z"] {
            select(tx, &["a"], Some(other)).await?;
        }
        let question =
            "select count(*) from pg_prepared_statements where statement like '%concat_ws%'
                        and statement not like '%pg_prepared%'";
        number(tx, question).await
    };
    assert_eq!(fixture.db.write("test.select", prepared).await.unwrap(), 1);
}

#[tokio::test]
async fn unbound_placeholders_and_unused_values_fail_before_the_server_is_reached() {
    let fixture = Fixture::new().await;
    for (text, expected) in [
        ("select $1 + $3", "no value for $3"),
        ("select $1 + $", "no value for $"),
        ("select $1 + $0", "no value for $0"),
        ("select $2 + $2", "a value for $1, but no such place"),
        ("select $1", "a value for $2, but no such place"),
    ] {
        let read = fixture.db.read("test.select", async |tx| {
            let bound = statement(text).bind::<BigInt, _>(1).bind::<BigInt, _>(2);
            Ok(bound.execute(tx.conn()).await?)
        });
        let fault = read.await.unwrap_err();
        assert_eq!(fault.kind(), Kind::Internal, "{text}");
        assert!(fault.chain().contains(expected), "{text}: {}", fault.chain());
    }
}
