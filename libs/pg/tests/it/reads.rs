//! What a read sees, and from where.

use crate::world::{World, count, effect, execute, number, soon};
use pg::{Db, Settings, provision};
use secrecy::ExposeSecret;

const EFFECTS: &str = "select count(*) from effects";

#[tokio::test]
async fn a_read_sees_what_is_committed_between_its_statements() {
    let world = World::new().await;
    let writer = &world.other(|_| {});
    let seen = world
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
async fn a_read_neither_waits_for_a_writer_nor_sees_its_work() {
    let world = World::new().await;
    let reader = &world.other(|_| {});
    let write = world.db.write("test.write", async move |tx| {
        execute(tx, "lock table effects in row exclusive mode").await?;
        effect(tx, "new").await?;
        Ok(count(reader, EFFECTS).await)
    });
    assert_eq!(soon("the read is done", write).await.unwrap(), 0);
    assert_eq!(world.effects().await, 1);
}

#[tokio::test]
async fn a_read_that_may_lag_asks_the_replica_and_no_other_call_does() {
    let mut world = World::new().await;
    // Another database stands for a replica that lags behind: it has not heard of the effect.
    let replica = world.new_name();
    let primary = world.texts("select current_database()::text as text").await.remove(0);
    provision::copy(&world.superuser, "template1", &replica, "postgres").await.unwrap();
    let replica_url = provision::at(world.superuser.expose_secret(), &replica);
    let db = world.other(|settings| settings.replica_url = Some(replica_url.into()));
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
    let world = World::new().await;
    world.db.write("test.write", async |tx| effect(tx, "new").await).await.unwrap();
    let stale = world.db.read_stale("test.stale", async |tx| number(tx, EFFECTS).await).await;
    assert_eq!(stale.unwrap(), 1);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable() {
    let mut world = World::new().await;
    let nowhere = world.new_name();
    let db = Db::new("pricing", Settings::of(world.url_of(&nowhere))).unwrap();
    let fault = db.read("test.read", async |tx| number(tx, EFFECTS).await).await.unwrap_err();
    assert_eq!(fault.kind(), fault::Kind::Unavailable);
}
