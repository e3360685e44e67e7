//! What runs in isolation though no message brings it: deferred events and parked dead letters.

use crate::app::{App, exists, price_deleted, price_updated, record};
use crate::dead_letters::{StoredDeadLetter, store_dead_letters};
use crate::early::{KEPT, deleted};
use crate::fixture::{Fixture, Running, consume, count, eventually, price};
use bus::{Bus, Consumers, Outcome, Received, Tuning, dead};
use contracts::Event;
use diesel_async::SimpleAsyncConnection;
use fault::{Common, Fault};
use pg::{Db, Tx};
use pricing_api::v1::{PriceDeleted, PriceUpdated};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// Prices wait for the product that they name; one of them kills the process once that exists.
struct PoisonApp {
    poison: String,
    killed: Notify,
}

async fn price_of_product(
    app: &PoisonApp,
    tx: &mut Tx,
    event: Received<PriceUpdated>,
) -> Result<Outcome, Fault> {
    let product = event.price.clone().unwrap_or_default().product_id;
    if !product.is_empty() && !exists(tx, &product).await? {
        return Ok(Outcome::early(product));
    }
    record(tx, event.key(), event.version()).await?;
    if event.key() == app.poison {
        app.killed.notify_one();
        std::future::pending::<()>().await;
    }
    Ok(Outcome::Done)
}

async fn product_created(
    _: &PoisonApp,
    tx: &mut Tx,
    event: Received<PriceDeleted>,
) -> Result<Outcome, Fault> {
    record(tx, event.key(), event.version()).await?;
    event.apply_early(tx, event.key()).await?;
    Ok(Outcome::Done)
}

fn of_product(product: Uuid, id: Uuid) -> PriceUpdated {
    let mut event = price(id, 1);
    event.price.as_mut().unwrap().product_id = product.to_string();
    event
}

fn consumers_of(fixture: &Fixture, app: &Arc<PoisonApp>) -> Consumers {
    let tuning = Tuning {
        ack_wait: Duration::from_secs(1),
        retry: Duration::from_millis(20),
        ..Tuning::default()
    };
    let consumers = fixture.consumers().tuned(tuning);
    consumers.on(app.clone(), price_of_product).on(app.clone(), product_created)
}

/// Restarts a process as often as it dies; returns the one that is alive when `done` holds, and how many died.
async fn restart_until(
    consumers: impl Fn() -> Consumers,
    app: &PoisonApp,
    what: &str,
    mut done: impl AsyncFnMut() -> bool,
) -> (Running, u32) {
    let mut deaths = 0;
    loop {
        let running = consume(consumers());
        let survived = tokio::select! {
            () = app.killed.notified() => false,
            () = eventually(what, &mut done) => true,
        };
        if survived {
            return (running, deaths);
        }
        running.crash().await;
        deaths += 1;
    }
}

async fn dead_letters(fixture: &Fixture) -> Vec<dead::DeadLetter> {
    dead::list(&fixture.bus, "search", 0, 100).await.unwrap_or_default()
}

#[tokio::test]
async fn a_deferred_poison_event_becomes_a_dead_letter_and_what_it_waited_for_does_not() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let (product, poison) = (Uuid::now_v7(), Uuid::now_v7());
    let app = Arc::new(PoisonApp { poison: poison.to_string(), killed: Notify::new() });
    let kept = [Uuid::now_v7(), poison, Uuid::now_v7()].map(|id| of_product(product, id));
    fixture.commit_events(&kept).await;
    let first = consume(consumers_of(&fixture, &app));
    eventually("all are kept", async || fixture.count(KEPT).await == 3).await;
    first.end().await;

    fixture.commit_events(&[deleted(product)]).await;
    let (survivor, deaths) = restart_until(
        || consumers_of(&fixture, &app),
        &app,
        "there is a dead letter",
        async || dead_letters(&fixture).await.len() == 1,
    )
    .await;
    // Three times with what it waited for, three times in isolation.
    assert_eq!(deaths, 6);
    let found = dead_letters(&fixture).await;
    assert_eq!((found[0].reason.as_str(), found[0].attempts), ("KILLS_THE_PROCESS", 3));
    assert_eq!(found[0].key(), poison.to_string());
    assert!(found[0].error.contains("the process died"), "{}", found[0].error);
    eventually("the others have effects", async || fixture.effects().await == 3).await;
    let of_others = format!("select count(distinct key) from seen where key <> '{poison}'");
    assert_eq!(count(&fixture.search, &of_others).await, 3);
    eventually("none is kept", async || fixture.count(KEPT).await == 0).await;
    let failures = "select count(*) from attempts where failures > 0";
    assert_eq!(fixture.count(failures).await, 1);
    survivor.end().await;
    relay.end().await;
}

#[tokio::test]
async fn a_deferred_event_with_a_transient_failure_is_put_off_and_given_up_when_it_is_old() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let app = App::scripted(|_, call| match call {
        // Once among others, and once under the lock of what it waits for.
        1 | 2 => Ok(Outcome::early("thing")),
        _ => Err(Fault::unavailable("what it needs", std::io::Error::other("down"))),
    });
    let consumers = consume(fixture.consumers().on(app.clone(), price_updated));
    let event = price(Uuid::now_v7(), 1);
    fixture.commit_events(std::slice::from_ref(&event)).await;
    eventually("it is kept", async || fixture.count(KEPT).await == 1).await;
    let arrived = async |kept: &str| {
        let update = format!("update early set arrived_at = now(), kept_at = {kept}");
        let update = &update;
        let update = async move |tx: &mut Tx| Ok(tx.conn().batch_execute(update).await?);
        fixture.search.write("test.come", update).await.unwrap();
    };
    arrived("now()").await;
    let put_off = "select count(*) from early where arrived_at > now()";
    eventually("it is put off", async || fixture.count(put_off).await == 1).await;
    // Each time with others that wait for the same, and then by itself.
    assert_eq!(app.calls(event.key()), 2 + 2);
    arrived("now() - interval '3 days'").await;
    eventually("it is a dead letter", async || dead_letters(&fixture).await.len() == 1).await;
    eventually("it is kept no longer", async || fixture.count(KEPT).await == 0).await;
    assert_eq!(app.calls(event.key()), 2 + 2 + 2);
    let dead_letter = &dead_letters(&fixture).await[0];
    assert!(dead_letter.error.contains("what it needs"), "{}", dead_letter.error);
    consumers.end().await;
    relay.end().await;
}

/// A dead letter that an older binary parked, of a type that this one knows.
fn parked(id: Uuid) -> StoredDeadLetter {
    let payload = price(id, 1).encode_to_vec();
    StoredDeadLetter {
        key: id.to_string(),
        reason: "UNKNOWN_TYPE",
        payload,
        ..StoredDeadLetter::default()
    }
}

#[tokio::test]
async fn a_parked_poison_event_does_not_kill_processes_for_ever() {
    let fixture = Fixture::new().await;
    let poison = Uuid::now_v7();
    let app = Arc::new(PoisonApp { poison: poison.to_string(), killed: Notify::new() });
    store_dead_letters(&fixture, &[parked(Uuid::now_v7()), parked(poison), parked(Uuid::now_v7())])
        .await;
    let (survivor, deaths) = restart_until(
        || consumers_of(&fixture, &app),
        &app,
        "the others are replayed",
        async || dead_letters(&fixture).await.len() == 1 && fixture.effects().await == 2,
    )
    .await;
    assert_eq!(deaths, 3);
    assert_eq!(dead_letters(&fixture).await[0].key(), poison.to_string());
    survivor.end().await;
}

#[tokio::test]
async fn a_parked_dead_letter_that_cannot_be_read_blocks_no_other() {
    let fixture = Fixture::new().await;
    let app = App::new();
    // Of a type that is known and not handled.
    let deleted = "pricing.price.deleted";
    let broken = StoredDeadLetter { subject: deleted, version: "1e9", ..parked(Uuid::now_v7()) };
    store_dead_letters(&fixture, &[broken, parked(Uuid::now_v7())]).await;
    let running = consume(fixture.consumers().on(app, price_updated));
    eventually("the other one is replayed", async || fixture.effects().await == 1).await;
    eventually("it is gone", async || dead_letters(&fixture).await.len() == 1).await;
    assert_eq!(dead_letters(&fixture).await[0].original_subject, deleted);
    running.end().await;
}

#[tokio::test]
async fn a_parked_dead_letter_that_fails_is_left_to_the_operators() {
    let fixture = Fixture::new().await;
    let app = App::scripted(|_, _| Err(Fault::new(Common::Internal, "a bug")));
    let bad = Uuid::now_v7();
    store_dead_letters(&fixture, &[parked(bad)]).await;
    let running = consume(fixture.consumers().on(app.clone(), price_updated));
    eventually("it is tried thrice", async || app.calls(&bad.to_string()) == 3).await;
    // It would be tried again within five seconds.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(app.calls(&bad.to_string()), 3);
    assert_eq!((dead_letters(&fixture).await.len(), fixture.effects().await), (1, 0));
    running.end().await;
}

#[tokio::test]
async fn replicas_that_start_together_do_not_count_each_others_isolated_runs_as_deaths() {
    let fixture = Fixture::new().await;
    let dead_letters_of =
        |count: usize| (0..count).map(|_| parked(Uuid::now_v7())).collect::<Vec<_>>();
    store_dead_letters(&fixture, &dead_letters_of(40)).await;
    let mut replicas = Vec::new();
    for _ in 0..4 {
        let db = Db::new("search", pg::Settings::of(fixture.search.url().clone())).unwrap();
        let bus = Bus::connect(&bus::Settings::of(fixture.nats.url())).await.unwrap();
        let app = App::new();
        let consumers =
            Consumers::new(db, bus).on(app.clone(), price_updated).on(app, price_deleted);
        replicas.push(consume(consumers));
    }
    eventually("all are replayed", async || dead_letters(&fixture).await.is_empty()).await;
    assert_eq!(fixture.effects().await, 40);
    assert_eq!(fixture.count("select count(*) from attempts").await, 0);
    for replica in replicas {
        replica.end().await;
    }
}
