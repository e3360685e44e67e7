//! What is tried with nothing else in flight though no message brings it: kept events that may kill, and parked letters.

use crate::app::{App, knows, price_deleted, price_updated, see};
use crate::early::{KEPT, deleted};
use crate::letters::{Put, put};
use crate::world::{Running, World, count, eventually, listen, price};
use bus::{Bus, Consumers, Outcome, Received, Tuning, dead};
use contracts::Event;
use contracts::pricing::v1::{PriceDeleted, PriceUpdated};
use diesel_async::SimpleAsyncConnection;
use fault::{Common, Fault};
use pg::{Db, Tx};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// Prices wait for the product that they name; one of them kills the process when it has come.
struct Mortal {
    deadly: String,
    dying: Notify,
}

async fn price_of_product(
    app: &Mortal,
    tx: &mut Tx,
    event: Received<PriceUpdated>,
) -> Result<Outcome, Fault> {
    let product = event.price.clone().unwrap_or_default().product_id;
    if !product.is_empty() && !knows(tx, &product).await? {
        return Ok(Outcome::early(product));
    }
    see(tx, event.key(), event.version()).await?;
    if event.key() == app.deadly {
        app.dying.notify_one();
        std::future::pending::<()>().await;
    }
    Ok(Outcome::Done)
}

async fn product_came(
    _: &Mortal,
    tx: &mut Tx,
    event: Received<PriceDeleted>,
) -> Result<Outcome, Fault> {
    see(tx, event.key(), event.version()).await?;
    event.apply_early(tx, event.key()).await?;
    Ok(Outcome::Done)
}

fn of_product(product: Uuid, id: Uuid) -> PriceUpdated {
    let mut event = price(id, 1);
    event.price.as_mut().unwrap().product_id = product.to_string();
    event
}

fn mortals(world: &World, app: &Arc<Mortal>) -> Consumers {
    let tuning = Tuning {
        ack_wait: Duration::from_secs(1),
        retry: Duration::from_millis(20),
        ..Tuning::default()
    };
    let consumers = world.consumers().tuned(tuning);
    consumers.on(app.clone(), price_of_product).on(app.clone(), product_came)
}

/// Starts a process again as often as it dies; returns the one that lives to see `done`, and how many died.
async fn outlived(
    consumers: impl Fn() -> Consumers,
    app: &Mortal,
    what: &str,
    mut done: impl AsyncFnMut() -> bool,
) -> (Running, u32) {
    let mut deaths = 0;
    loop {
        let running = listen(consumers());
        let lives = tokio::select! {
            () = app.dying.notified() => false,
            () = eventually(what, &mut done) => true,
        };
        if lives {
            return (running, deaths);
        }
        running.crash().await;
        deaths += 1;
    }
}

async fn letters(world: &World) -> Vec<dead::Letter> {
    dead::list(&world.bus, "search", 0, 100).await.unwrap_or_default()
}

#[tokio::test]
async fn a_kept_event_that_kills_is_found_out_and_what_it_waited_for_is_not_blamed() {
    let world = World::new().await;
    let relay = world.relay();
    let (product, deadly) = (Uuid::now_v7(), Uuid::now_v7());
    let app = Arc::new(Mortal { deadly: deadly.to_string(), dying: Notify::new() });
    let kept = [Uuid::now_v7(), deadly, Uuid::now_v7()].map(|id| of_product(product, id));
    world.say(&kept).await;
    let first = listen(mortals(&world, &app));
    eventually("all are kept", async || world.count(KEPT).await == 3).await;
    first.end().await;

    world.say(&[deleted(product)]).await;
    let (survivor, deaths) = outlived(
        || mortals(&world, &app),
        &app,
        "there is a letter",
        async || letters(&world).await.len() == 1,
    )
    .await;
    // Three times with what it waited for, three times alone.
    assert_eq!(deaths, 6);
    let found = letters(&world).await;
    assert_eq!((found[0].reason.as_str(), found[0].attempts), ("KILLS_THE_PROCESS", 3));
    assert_eq!(found[0].key(), deadly.to_string());
    assert!(found[0].error.contains("the process died"), "{}", found[0].error);
    eventually("the others have effects", async || world.effects().await == 3).await;
    let of_others = format!("select count(distinct key) from seen where key <> '{deadly}'");
    assert_eq!(count(&world.search, &of_others).await, 3);
    eventually("none is kept", async || world.count(KEPT).await == 0).await;
    let blamed = "select count(*) from attempts where failures > 0";
    assert_eq!(world.count(blamed).await, 1);
    survivor.end().await;
    relay.end().await;
}

#[tokio::test]
async fn a_kept_event_whose_failure_passes_is_put_off_and_given_up_when_it_is_old() {
    let world = World::new().await;
    let relay = world.relay();
    let app = App::scripted(|_, call| match call {
        // Once among others, and once under the lock of what it waits for.
        1 | 2 => Ok(Outcome::early("thing")),
        _ => Err(Fault::unavailable("what it needs", std::io::Error::other("down"))),
    });
    let consumers = listen(world.consumers().on(app.clone(), price_updated));
    let event = price(Uuid::now_v7(), 1);
    world.say(std::slice::from_ref(&event)).await;
    eventually("it is kept", async || world.count(KEPT).await == 1).await;
    let has_come = async |kept: &str| {
        let come = format!("update early set arrived_at = now(), kept_at = {kept}");
        let come = &come;
        let come = async move |tx: &mut Tx| Ok(tx.conn().batch_execute(come).await?);
        world.search.write("test.come", come).await.unwrap();
    };
    has_come("now()").await;
    let off = "select count(*) from early where arrived_at > now()";
    eventually("it is put off", async || world.count(off).await == 1).await;
    // Each time with others that wait for the same, and then by itself.
    assert_eq!(app.calls(event.key()), 2 + 2);
    has_come("now() - interval '3 days'").await;
    eventually("it is a letter", async || letters(&world).await.len() == 1).await;
    assert_eq!((app.calls(event.key()), world.count(KEPT).await), (2 + 2 + 2, 0));
    let letter = &letters(&world).await[0];
    assert!(letter.error.contains("what it needs"), "{}", letter.error);
    consumers.end().await;
    relay.end().await;
}

/// A letter that an older binary parked, of a type that this one knows.
fn parked(id: Uuid) -> Put {
    let payload = price(id, 1).encode_to_vec();
    Put { key: id.to_string(), reason: "UNKNOWN_TYPE", payload, ..Put::default() }
}

#[tokio::test]
async fn a_parked_letter_that_kills_does_not_do_so_for_ever() {
    let world = World::new().await;
    let deadly = Uuid::now_v7();
    let app = Arc::new(Mortal { deadly: deadly.to_string(), dying: Notify::new() });
    put(&world, &[parked(Uuid::now_v7()), parked(deadly), parked(Uuid::now_v7())]).await;
    let (survivor, deaths) = outlived(
        || mortals(&world, &app),
        &app,
        "the others are replayed",
        async || letters(&world).await.len() == 1 && world.effects().await == 2,
    )
    .await;
    assert_eq!(deaths, 3);
    assert_eq!(letters(&world).await[0].key(), deadly.to_string());
    survivor.end().await;
}

#[tokio::test]
async fn a_parked_letter_that_nobody_can_read_is_in_nobodys_way() {
    let world = World::new().await;
    let app = App::new();
    // Of a type that is known and not handled.
    let deleted = "pricing.price.deleted";
    let broken = Put { subject: deleted, version: "1e9", ..parked(Uuid::now_v7()) };
    put(&world, &[broken, parked(Uuid::now_v7())]).await;
    let running = listen(world.consumers().on(app, price_updated));
    eventually("the other one is replayed", async || world.effects().await == 1).await;
    eventually("it is gone", async || letters(&world).await.len() == 1).await;
    assert_eq!(letters(&world).await[0].original_subject, deleted);
    running.end().await;
}

#[tokio::test]
async fn a_parked_letter_that_fails_is_left_to_the_operators() {
    let world = World::new().await;
    let app = App::scripted(|_, _| Err(Fault::new(Common::Internal, "a bug")));
    let bad = Uuid::now_v7();
    put(&world, &[parked(bad)]).await;
    let running = listen(world.consumers().on(app.clone(), price_updated));
    eventually("it is tried thrice", async || app.calls(&bad.to_string()) == 3).await;
    // It would be tried again within five seconds.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(app.calls(&bad.to_string()), 3);
    assert_eq!((letters(&world).await.len(), world.effects().await), (1, 0));
    running.end().await;
}

#[tokio::test]
async fn replicas_that_start_together_do_not_blame_parked_letters_for_each_other() {
    let world = World::new().await;
    let letters_of = |count: usize| (0..count).map(|_| parked(Uuid::now_v7())).collect::<Vec<_>>();
    put(&world, &letters_of(40)).await;
    let mut replicas = Vec::new();
    for _ in 0..4 {
        let db = Db::new("search", pg::Settings::of(world.search.url().clone())).unwrap();
        let bus = Bus::connect(&bus::Settings::of(world.nats.url())).await.unwrap();
        let app = App::new();
        let consumers =
            Consumers::new(db, bus).on(app.clone(), price_updated).on(app, price_deleted);
        replicas.push(listen(consumers));
    }
    eventually("all are replayed", async || letters(&world).await.is_empty()).await;
    assert_eq!(world.effects().await, 40);
    assert_eq!(world.count("select count(*) from attempts").await, 0);
    for replica in replicas {
        replica.end().await;
    }
}
