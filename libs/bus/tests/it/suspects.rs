//! An event that kills the process, and innocent ones that were fetched beside it.

use crate::world::{World, count, eventually, listen, price};
use bus::{Consumers, Outcome, Received, Tuning, dead};
use contracts::Event;
use contracts::pricing::v1::PriceUpdated;
use diesel_async::SimpleAsyncConnection;
use fault::Fault;
use pg::Tx;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use uuid::Uuid;

/// A service that one event kills: its handler never comes back, and the test takes that for the end of the process.
struct Mortal {
    deadly: String,
    dying: Notify,
}

async fn price_updated(
    app: &Mortal,
    tx: &mut Tx,
    price: Received<PriceUpdated>,
) -> Result<Outcome, Fault> {
    crate::app::see(tx, price.key(), price.version()).await?;
    if price.key() == app.deadly {
        app.dying.notify_one();
        std::future::pending::<()>().await;
    }
    Ok(Outcome::Done)
}

fn consumers(world: &World, app: &Arc<Mortal>) -> Consumers {
    // One worker, so that the deadly one shares its transactions with all the others.
    let tuning = Tuning {
        ack_wait: Duration::from_secs(1),
        retry: Duration::from_millis(20),
        workers: 1,
        ..Tuning::default()
    };
    world.consumers().tuned(tuning).on(app.clone(), price_updated)
}

async fn letters(world: &World) -> Vec<dead::Letter> {
    dead::list(&world.bus, "search", 0, 100).await.unwrap_or_default()
}

#[tokio::test]
async fn what_kills_the_process_is_found_out_and_innocent_ones_beside_it_are_not_blamed() {
    let world = World::new().await;
    let relay = world.relay();
    let events: Vec<_> = (0..20).map(|_| price(Uuid::now_v7(), 1)).collect();
    let deadly = events[7].key().to_owned();
    let app = Arc::new(Mortal { deadly: deadly.clone(), dying: Notify::new() });
    world.say(&events).await;
    eventually("all is published", async || world.all_published().await).await;

    let mut deaths = 0;
    let survivor = loop {
        let running = listen(consumers(&world, &app));
        let found = tokio::select! {
            () = app.dying.notified() => false,
            () = eventually("there is a letter", async || letters(&world).await.len() == 1) => true,
        };
        if found {
            break running;
        }
        running.crash().await;
        deaths += 1;
    };
    let found = letters(&world).await;
    assert_eq!(found[0].reason, "KILLS_THE_PROCESS");
    assert_eq!(found[0].attempts, 3);
    assert!(found[0].error.contains("the process died"), "{}", found[0].error);
    assert_eq!(found[0].headers.get("key").unwrap().as_str(), deadly);
    // Three times among others, three times alone.
    assert_eq!(deaths, 6);
    eventually("the others have their effects", async || world.effects().await == 19).await;
    let once = "select count(distinct key) from seen";
    assert_eq!(count(&world.search, once).await, 19);
    let blamed = "select count(*) from attempts where failures > 0";
    assert_eq!(count(&world.search, blamed).await, 1);
    survivor.end().await;
    relay.end().await;
}

#[tokio::test]
async fn an_outage_is_waited_for_while_a_suspect_is_examined() {
    let world = World::new().await;
    let relay = world.relay();
    // Three deliveries end by another service's fault; at the fourth the database goes too.
    let app = crate::app::App::scripted(|_, call| match call {
        1..4 => Err(Fault::unavailable("what it needs", std::io::Error::other("down"))),
        4 => Err(Fault::unavailable("the database", std::io::Error::other("going"))),
        _ => Ok(Outcome::Done),
    });
    let running = listen(world.consumers().on(app.clone(), crate::app::price_updated));
    let id = Uuid::now_v7();
    let calls = || app.calls(&id.to_string());
    world.say(&[price(id, 1)]).await;
    eventually("it is a suspect", async || calls() == 3).await;
    world.database_of_search(false).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.database_of_search(true).await;
    eventually("it has its effect", async || world.effects().await == 1).await;
    let info = world.stream().await.consumer_info("search-from-pricing").await.unwrap();
    // The one that met the end of the database may have been handled just before it.
    let sent = info.delivered.consumer_sequence;
    assert!(sent <= 5, "sent {sent} times");
    let blamed = "select coalesce(sum(failures), 0)::bigint as count from attempts";
    assert_eq!(count(&world.search, blamed).await, 0);
    running.end().await;
    relay.end().await;
}

#[tokio::test]
async fn an_examination_that_a_process_cuts_off_as_it_ends_is_no_death() {
    let world = World::new().await;
    let relay = world.relay();
    let event = price(Uuid::now_v7(), 1);
    let app = Arc::new(Mortal { deadly: event.key().to_owned(), dying: Notify::new() });
    world.say(&[event]).await;
    for _ in 0..3 {
        let running = listen(consumers(&world, &app));
        app.dying.notified().await;
        running.crash().await;
    }
    let running = listen(consumers(&world, &app));
    app.dying.notified().await;
    let begun = "select count(*) from attempts where started_at is not null";
    assert_eq!(count(&world.search, begun).await, 1, "it is examined");
    let ending = Instant::now();
    running.end().await;
    // Tasks of a process that ends are cut off after three seconds.
    assert!(ending.elapsed() < Duration::from_secs(3), "{:?}", ending.elapsed());
    assert_eq!(count(&world.search, begun).await, 0);
    relay.end().await;
}

#[tokio::test]
async fn an_examination_whose_end_could_not_be_noted_is_no_death_of_a_process_that_lives() {
    let world = World::new().await;
    let relay = world.relay();
    let forgets = world.search.write("test.forget", async |tx| {
        let forget = "
            create function forget() returns trigger language plpgsql as 'begin return null; end';
            create trigger a before delete on attempts for each row execute function forget();
            create trigger b before update on attempts for each row
                when (new.started_at is null) execute function forget()";
        Ok(tx.conn().batch_execute(forget).await?)
    });
    forgets.await.unwrap();
    let app = crate::app::App::scripted(|_, call| match call {
        1..9 => Err(Fault::unavailable("what it needs", std::io::Error::other("down"))),
        _ => Ok(Outcome::Done),
    });
    let running = listen(world.consumers().on(app, crate::app::price_updated));
    world.say(&[price(Uuid::now_v7(), 1)]).await;
    eventually("it has its effect", async || world.effects().await == 1).await;
    let unfinished = "select count(*) from attempts where started_at is not null and failures = 0";
    assert_eq!(count(&world.search, unfinished).await, 1);
    assert!(letters(&world).await.is_empty());
    running.end().await;
    relay.end().await;
}

#[tokio::test]
async fn what_the_broker_gives_up_becomes_a_letter_once() {
    let world = World::new().await;
    let relay = world.relay();
    let tuning = Tuning {
        ack_wait: Duration::from_secs(2),
        retry: Duration::from_millis(20),
        max_deliver: 2,
        ..Tuning::default()
    };
    let away = crate::app::App::scripted(|_, _| {
        Err(Fault::unavailable("what it needs", std::io::Error::other("down")))
    });
    let consumers = world.consumers().tuned(tuning).on(away, crate::app::price_updated);
    let running = listen(consumers.clone());
    let said = price(Uuid::now_v7(), 1);
    world.say(std::slice::from_ref(&said)).await;
    eventually("the broker's note is followed", async || {
        // Fails as long as the streams are being made.
        consumers.sweep_given_up().await.is_ok() && letters(&world).await.len() == 1
    })
    .await;
    let found = letters(&world).await;
    assert_eq!((found[0].reason.as_str(), found[0].attempts), ("GIVEN_UP", 2));
    assert_eq!(found[0].letter_id, world.outbox().await[0].id.to_string());
    assert_eq!(found[0].original_subject, "pricing.price.updated");
    assert_eq!(consumers.sweep_given_up().await.unwrap(), 0);
    // Discarded, it does not come back: the note is gone too.
    dead::discard(&world.bus, &found[0]).await.unwrap();
    assert_eq!(consumers.sweep_given_up().await.unwrap(), 0);
    assert!(letters(&world).await.is_empty());
    running.end().await;
    relay.end().await;
}

#[tokio::test]
async fn what_failed_too_often_is_not_said_to_have_killed() {
    let world = World::new().await;
    let relay = world.relay();
    world.say(&[price(Uuid::now_v7(), 1)]).await;
    eventually("it is published", async || world.all_published().await).await;
    // Its letter could not be written when it had failed thrice, so that it came again and became a suspect.
    let failed = format!(
        "insert into attempts (consumer, event_id, failures, last_error)
         values ('search-from-pricing', '{}', 3, 'a bug')",
        world.outbox().await[0].id
    );
    let failed = &failed;
    let told = async move |tx: &mut Tx| Ok(tx.conn().batch_execute(failed).await?);
    world.search.write("test.failed", told).await.unwrap();
    let away = crate::app::App::scripted(|_, _| {
        Err(Fault::unavailable("what it needs", std::io::Error::other("down")))
    });
    let running = listen(world.consumers().on(away, crate::app::price_updated));
    eventually("there is a letter", async || letters(&world).await.len() == 1).await;
    let found = letters(&world).await;
    assert_eq!((found[0].reason.as_str(), found[0].attempts), ("INTERNAL", 3));
    assert!(found[0].error.contains("a bug"), "{}", found[0].error);
    running.end().await;
    relay.end().await;
}
