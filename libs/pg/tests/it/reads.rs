//! What a read sees, and which server it reads from.

use crate::fixture::{Fixture, count, effect, execute, number, soon};
use pg::{Db, Settings, provision};
use secrecy::ExposeSecret;

const EFFECTS: &str = "select count(*) from effects";

#[tokio::test]
async fn a_read_sees_commits_between_its_statements() {
    let fixture = Fixture::new().await;
    let writer = &fixture.other(|_| {});
    let seen = fixture
        .db
        .read("test.read", async move |tx| {
            let before = number(tx, EFFECTS).await?;
            writer.write("test.write", async |tx| effect(tx, "new").await).await?;
            Ok((before, number(tx, EFFECTS).await?))
        })
        .await
        .unwrap();
    assert_eq!(seen, (0, 1));
}

#[tokio::test]
async fn a_read_neither_waits_for_a_writer_nor_sees_its_uncommitted_rows() {
    let fixture = Fixture::new().await;
    let reader = &fixture.other(|_| {});
    let write = fixture.db.write("test.write", async move |tx| {
        execute(tx, "lock table effects in row exclusive mode").await?;
        effect(tx, "new").await?;
        Ok(count(reader, EFFECTS).await)
    });
    assert_eq!(soon("the read is done", write).await.unwrap(), 0);
    assert_eq!(fixture.effects().await, 1);
}

#[tokio::test]
async fn only_a_read_that_may_lag_uses_the_replica() {
    let mut fixture = Fixture::new().await;
    // Another database stands for a replica that lags: it does not have the effect yet.
    let replica = fixture.new_name();
    let primary = fixture.texts("select current_database()::text as text").await.remove(0);
    provision::copy(&fixture.superuser, "template1", &replica, "postgres").await.unwrap();
    let replica_url = provision::at(fixture.superuser.expose_secret(), &replica);
    let db = fixture.other(|settings| settings.replica_url = Some(replica_url.into()));
    let where_am_i =
        |name: &str| format!("select (current_database() = '{name}')::int::bigint as count");
    let (at_primary, at_replica) = (where_am_i(&primary), where_am_i(&replica));
    let stale = db.read_stale("test.stale", async |tx| number(tx, &at_replica).await).await;
    assert_eq!(stale.unwrap(), 1);
    let fresh = db.read("test.fresh", async |tx| number(tx, &at_primary).await).await;
    assert_eq!(fresh.unwrap(), 1);
    let question = &at_primary;
    let written = db.write("test.write", async move |tx| number(tx, question).await).await;
    assert_eq!(written.unwrap(), 1);
}

#[tokio::test]
async fn without_a_replica_the_primary_serves_reads_that_may_lag() {
    let fixture = Fixture::new().await;
    fixture.db.write("test.write", async |tx| effect(tx, "new").await).await.unwrap();
    let stale = fixture.db.read_stale("test.stale", async |tx| number(tx, EFFECTS).await).await;
    assert_eq!(stale.unwrap(), 1);
}

#[tokio::test]
async fn a_missing_database_is_unavailable() {
    let mut fixture = Fixture::new().await;
    let nowhere = fixture.new_name();
    let db = Db::new("pricing", Settings::of(fixture.url_of(&nowhere))).unwrap();
    let fault = db.read("test.read", async |tx| number(tx, EFFECTS).await).await.unwrap_err();
    assert_eq!(fault.kind(), fault::Kind::Unavailable);
}
