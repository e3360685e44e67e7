//! SQL that is written out.

use crate::world::{World, number};
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

async fn ask(tx: &mut Tx, words: &[&str], other: Option<&str>) -> Result<String, Fault> {
    let row: Row = statement(
        "select concat_ws('-', $2, array_to_string($1, '+'), $2, cardinality($1)) as text",
    )
    .bind::<Array<Text>, _>(words)
    .bind::<Nullable<Text>, _>(other)
    .get_result(tx.conn())
    .await?;
    Ok(row.text)
}

#[tokio::test]
async fn places_get_their_values_in_any_order_and_as_often_as_they_are_named() {
    let world = World::new().await;
    let texts = async |tx: &mut Tx| {
        Ok([ask(tx, &["a", "b"], Some("x$1")).await?, ask(tx, &[], None).await?])
    };
    let texts = world.db.read("test.ask", texts).await.unwrap();
    assert_eq!(texts, ["x$1-a+b-x$1-2", "-0"]);
}

#[tokio::test]
async fn a_statement_is_prepared_once_for_each_connection() {
    let world = World::new().await;
    let prepared = async |tx: &mut Tx| {
        for other in ["x", "y", "z"] {
            ask(tx, &["a"], Some(other)).await?;
        }
        let question =
            "select count(*) from pg_prepared_statements where statement like '%concat_ws%'
                        and statement not like '%pg_prepared%'";
        number(tx, question).await
    };
    assert_eq!(world.db.write("test.ask", prepared).await.unwrap(), 1);
}

#[tokio::test]
async fn a_place_without_a_value_and_a_value_without_a_place_are_bugs_and_reach_no_server() {
    let world = World::new().await;
    for (text, expected) in [
        ("select $1 + $3", "no value for $3"),
        ("select $1 + $", "no value for $"),
        ("select $1 + $0", "no value for $0"),
        ("select $2 + $2", "a value for $1, but no such place"),
        ("select $1", "a value for $2, but no such place"),
    ] {
        let asked = world.db.read("test.ask", async |tx| {
            let bound = statement(text).bind::<BigInt, _>(1).bind::<BigInt, _>(2);
            Ok(bound.execute(tx.conn()).await?)
        });
        let fault = asked.await.unwrap_err();
        assert_eq!(fault.kind(), Kind::Internal, "{text}");
        assert!(fault.chain().contains(expected), "{text}: {}", fault.chain());
    }
}
