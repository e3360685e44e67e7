//! The answer to a COMMIT is lost. Nobody can tell then which way it went; the `request_id` makes that no problem.

use crate::wire::{Cut, Wire};
use crate::world::{World, answer, effect, request};
use contracts::pricing::v1::{SetPriceRequest, SetPriceResponse};
use fault::{Common, Fault, Kind};
use pg::{Db, Settings};
use uuid::Uuid;

async fn act(db: &Db, request: &SetPriceRequest) -> Result<SetPriceResponse, Fault> {
    db.write_once(request, async |tx| {
        effect(tx, "done").await?;
        Ok(answer())
    })
    .await
}

/// A service that reaches its database over a wire that is cut at a COMMIT.
async fn cut(world: &World, at: Cut) -> (Wire, Db, SetPriceRequest) {
    let wire = Wire::to(world.db.url()).await;
    let db = Db::new("pricing", Settings::of(wire.url(world.db.url()))).unwrap();
    wire.cut(at);
    let request = request(&Uuid::now_v7().to_string(), 1);
    let fault = act(&db, &request).await.unwrap_err();
    assert!(fault.is(Common::OutcomeUnknown), "{}", fault.chain());
    assert!(wire.is_cut());
    (wire, db, request)
}

#[tokio::test]
async fn an_answer_lost_after_the_commit_is_unknown_and_the_repeat_gets_it() {
    let world = World::new().await;
    let (_wire, db, request) = cut(&world, Cut::After).await;
    assert_eq!(world.effects().await, 1);
    let first: Option<SetPriceResponse> = world.db.replayed(&request).await.unwrap();
    let repeated = act(&db, &request).await.unwrap();
    assert_eq!(first, Some(repeated));
    assert_eq!(world.effects().await, 1);
}

#[tokio::test]
async fn a_commit_lost_on_its_way_is_unknown_and_the_repeat_does_the_work() {
    let world = World::new().await;
    let (_wire, db, request) = cut(&world, Cut::Before).await;
    assert_eq!(world.effects().await, 0);
    act(&db, &request).await.unwrap();
    assert_eq!(world.effects().await, 1);
}

#[tokio::test]
async fn a_server_that_dies_in_the_commit_is_unknown_and_the_repeat_does_the_work() {
    let world = World::new().await;
    // Runs inside COMMIT, and ends the process that does it.
    world
        .execute(
            "create function die() returns trigger language plpgsql as
             $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
             create constraint trigger die after insert on effects
             deferrable initially deferred for each row execute function die()",
        )
        .await;
    let request = request(&Uuid::now_v7().to_string(), 1);
    let fault = act(&world.db, &request).await.unwrap_err();
    assert!(fault.is(Common::OutcomeUnknown), "{}", fault.chain());
    assert_eq!(world.effects().await, 0);
    world.execute("drop trigger die on effects").await;
    act(&world.db, &request).await.unwrap();
    assert_eq!(world.effects().await, 1);
}

#[tokio::test]
async fn a_lost_commit_is_never_tried_again_by_itself() {
    let world = World::new().await;
    let wire = Wire::to(world.db.url()).await;
    let db = Db::new("pricing", Settings::of(wire.url(world.db.url()))).unwrap();
    for (at, effects) in [(Cut::After, 1), (Cut::Before, 1)] {
        wire.cut(at);
        let fault = db.write("test.act", async |tx| effect(tx, "done").await).await.unwrap_err();
        assert!(fault.is(Common::OutcomeUnknown), "{}", fault.chain());
        assert_eq!(world.effects().await, effects);
    }
}

#[tokio::test]
async fn a_connection_lost_before_the_commit_is_unavailable_and_not_unknown() {
    let world = World::new().await;
    let observer = &world.observer;
    let fault = world
        .db
        .write("test.act", async move |tx| {
            effect(tx, "done").await?;
            let pid = crate::world::backend(tx).await?;
            let end = format!("select pg_terminate_backend({pid}, 60000)::int::bigint as count");
            assert_eq!(crate::world::count(observer, &end).await, 1);
            effect(tx, "never").await
        })
        .await
        .unwrap_err();
    assert_eq!(fault.kind(), Kind::Unavailable, "{}", fault.chain());
    assert!(!fault.is(Common::OutcomeUnknown));
    world.db.write("test.after", async |tx| effect(tx, "after").await).await.unwrap();
    assert_eq!(world.effects().await, 1);
}
