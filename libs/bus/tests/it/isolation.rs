//! A poison event, and others that were fetched beside it.

use crate::fixture::{Fixture, consume, count, eventually, price};
use bus::{Consumers, Outcome, Received, Tuning, dead};
use contracts::Event;
use diesel_async::SimpleAsyncConnection;
use fault::{Common, Fault};
use pg::Tx;
use pricing_api::v1::PriceUpdated;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use uuid::Uuid;

/// A service that one event kills: its handler never returns, and the test then ends the process.
struct PoisonApp {
    poison: String,
    killed: Notify,
}

async fn price_updated(
    app: &PoisonApp,
    tx: &mut Tx,
    price: Received<PriceUpdated>,
) -> Result<Outcome, Fault> {
    crate::app::record(tx, price.key(), price.version()).await?;
    if price.key() == app.poison {
        app.killed.notify_one();
        std::future::pending::<()>().await;
    }
    Ok(Outcome::Done)
}

fn consumers(fixture: &Fixture, app: &Arc<PoisonApp>) -> Consumers {
    // One worker, so that the poison event shares its transactions with all the others.
    let tuning = Tuning {
        ack_wait: Duration::from_secs(1),
        retry: Duration::from_millis(20),
        workers: 1,
        ..Tuning::default()
    };
    fixture.consumers().tuned(tuning).on(app.clone(), price_updated)
}

async fn dead_letters(fixture: &Fixture) -> Vec<dead::DeadLetter> {
    dead::list(&fixture.bus, "search", 0, 100).await.unwrap_or_default()
}

#[tokio::test]
async fn a_poison_event_becomes_a_dead_letter_and_those_fetched_beside_it_do_not() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let events: Vec<_> = (0..20).map(|_| price(Uuid::now_v7(), 1)).collect();
    let poison = events[7].key().to_owned();
    let app = Arc::new(PoisonApp { poison: poison.clone(), killed: Notify::new() });
    fixture.commit_events(&events).await;
    eventually("all is published", async || fixture.all_published().await).await;

    let mut deaths = 0;
    let survivor = loop {
        let running = consume(consumers(&fixture, &app));
        let survived = tokio::select! {
            () = app.killed.notified() => false,
            () = eventually("there is a dead letter", async || dead_letters(&fixture).await.len() == 1) => true,
        };
        if survived {
            break running;
        }
        running.crash().await;
        deaths += 1;
    };
    let found = dead_letters(&fixture).await;
    assert_eq!(found[0].reason, "KILLS_THE_PROCESS");
    assert_eq!(found[0].attempts, 3);
    assert!(found[0].error.contains("the process died"), "{}", found[0].error);
    assert_eq!(found[0].headers.get("key").unwrap().as_str(), poison);
    // Three times among others, three times in isolation.
    assert_eq!(deaths, 6);
    eventually("the others have their effects", async || fixture.effects().await == 19).await;
    let once = "select count(distinct key) from seen";
    assert_eq!(count(&fixture.search, once).await, 19);
    let failures = "select count(*) from attempts where failures > 0";
    assert_eq!(count(&fixture.search, failures).await, 1);
    survivor.end().await;
    relay.end().await;
}

#[tokio::test]
async fn an_outage_during_an_isolated_run_is_waited_for() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    // Three deliveries fail because of another service; at the fourth the database goes away too.
    let app = crate::app::App::scripted(|_, call| match call {
        1..4 => Err(Fault::new(Common::DeadlineExceeded, "what it needs hangs")),
        4 => Err(Fault::unavailable("the database", std::io::Error::other("going"))),
        _ => Ok(Outcome::Done),
    });
    // Giving it back would cost a delivery every few milliseconds.
    let tuning = Tuning { retry: Duration::from_millis(1), ..Tuning::default() };
    let running =
        consume(fixture.consumers().tuned(tuning).on(app.clone(), crate::app::price_updated));
    let id = Uuid::now_v7();
    let calls = || app.calls(&id.to_string());
    let sent = async || {
        let info = fixture.stream().await.consumer_info("search-from-pricing").await.unwrap();
        info.delivered.consumer_sequence
    };
    fixture.commit_events(&[price(id, 1)]).await;
    eventually("it is isolated", async || calls() >= 3).await;
    fixture.allow_search_database(false).await;
    let before = sent().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    // One that was given back before the outage may be sent once more.
    let during = sent().await;
    assert!(
        during <= before + 1,
        "sent {before} times before the outage, {during} times in the end"
    );
    fixture.allow_search_database(true).await;
    eventually("it has its effect", async || fixture.effects().await == 1).await;
    let failures = "select coalesce(sum(failures), 0)::bigint as count from attempts";
    assert_eq!(count(&fixture.search, failures).await, 0);
    running.end().await;
    relay.end().await;
}

#[tokio::test]
async fn an_event_that_waits_for_another_service_is_not_isolated() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let down = || Fault::unavailable("what it needs", std::io::Error::other("down"));
    let app = crate::app::App::scripted(move |_, call| match call {
        1..6 => Err(down()),
        _ => Ok(Outcome::Done),
    });
    let tuning = Tuning { retry: Duration::from_millis(20), ..Tuning::default() };
    let running =
        consume(fixture.consumers().tuned(tuning).on(app.clone(), crate::app::price_updated));
    fixture.commit_events(&[price(Uuid::now_v7(), 1)]).await;
    eventually("it has its effect", async || fixture.effects().await == 1).await;
    // An isolated run notes its start.
    assert_eq!(count(&fixture.search, "select count(*) from attempts").await, 0);
    running.end().await;
    relay.end().await;
}

#[tokio::test]
async fn an_isolated_run_stops_only_its_own_service() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let event = price(Uuid::now_v7(), 1);
    let app = Arc::new(PoisonApp { poison: event.key().to_owned(), killed: Notify::new() });
    fixture.commit_events(&[event]).await;
    for _ in 0..3 {
        let running = consume(consumers(&fixture, &app));
        app.killed.notified().await;
        running.crash().await;
    }
    let isolated = consume(consumers(&fixture, &app));
    app.killed.notified().await;
    // Another service of the same process, which consumes the same events.
    let other = crate::app::App::new();
    let consumers = Consumers::new(fixture.pricing.clone(), fixture.bus.clone());
    let running = consume(consumers.on(other.clone(), crate::app::price_updated));
    let id = Uuid::now_v7();
    fixture.commit_events(&[price(id, 1)]).await;
    eventually("the other service goes on", async || other.calls(&id.to_string()) == 1).await;
    let started = "select count(*) from attempts where started_at is not null";
    assert_eq!(count(&fixture.search, started).await, 1, "it is running");
    running.end().await;
    isolated.end().await;
    relay.end().await;
}

#[tokio::test]
async fn an_isolated_run_that_a_shutdown_cuts_off_does_not_count_as_a_death() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let event = price(Uuid::now_v7(), 1);
    let app = Arc::new(PoisonApp { poison: event.key().to_owned(), killed: Notify::new() });
    fixture.commit_events(&[event]).await;
    for _ in 0..3 {
        let running = consume(consumers(&fixture, &app));
        app.killed.notified().await;
        running.crash().await;
    }
    let running = consume(consumers(&fixture, &app));
    app.killed.notified().await;
    let begun = "select count(*) from attempts where started_at is not null";
    assert_eq!(count(&fixture.search, begun).await, 1, "it is running");
    let ending = Instant::now();
    running.end().await;
    // Tasks of a process that ends are cut off after three seconds.
    assert!(ending.elapsed() < Duration::from_secs(3), "{:?}", ending.elapsed());
    assert_eq!(count(&fixture.search, begun).await, 0);
    relay.end().await;
}

#[tokio::test]
async fn an_isolated_run_whose_end_could_not_be_committed_does_not_count_as_a_death_while_the_process_lives()
 {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let forgets = fixture.search.write("test.forget", async |tx| {
        let forget = "
            create function forget() returns trigger language plpgsql as 'begin return null; end';
            create trigger a before delete on attempts for each row execute function forget();
            create trigger b before update on attempts for each row
                when (new.started_at is null) execute function forget()";
        Ok(tx.conn().batch_execute(forget).await?)
    });
    forgets.await.unwrap();
    let app = crate::app::App::scripted(|_, call| match call {
        1..9 => Err(Fault::new(Common::DeadlineExceeded, "what it needs hangs")),
        _ => Ok(Outcome::Done),
    });
    let running = consume(fixture.consumers().on(app, crate::app::price_updated));
    fixture.commit_events(&[price(Uuid::now_v7(), 1)]).await;
    eventually("it has its effect", async || fixture.effects().await == 1).await;
    let unfinished = "select count(*) from attempts where started_at is not null and failures = 0";
    assert_eq!(count(&fixture.search, unfinished).await, 1);
    assert!(dead_letters(&fixture).await.is_empty());
    running.end().await;
    relay.end().await;
}

#[tokio::test]
async fn what_the_broker_gives_up_becomes_a_dead_letter_once() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let tuning = Tuning {
        ack_wait: Duration::from_secs(2),
        retry: Duration::from_millis(20),
        max_deliver: 2,
        ..Tuning::default()
    };
    let away = crate::app::App::scripted(|_, _| {
        Err(Fault::unavailable("what it needs", std::io::Error::other("down")))
    });
    let consumers = fixture.consumers().tuned(tuning).on(away, crate::app::price_updated);
    let running = consume(consumers.clone());
    let event = price(Uuid::now_v7(), 1);
    fixture.commit_events(std::slice::from_ref(&event)).await;
    eventually("the broker's advisory is followed up", async || {
        // Fails until the streams are created.
        consumers.sweep_given_up().await.is_ok() && dead_letters(&fixture).await.len() == 1
    })
    .await;
    let found = dead_letters(&fixture).await;
    assert_eq!((found[0].reason.as_str(), found[0].attempts), ("GIVEN_UP", 2));
    assert_eq!(found[0].event_id, fixture.outbox().await[0].id.to_string());
    assert_eq!(found[0].original_subject, "pricing.price.updated");
    assert_eq!(consumers.sweep_given_up().await.unwrap(), 0);
    // A discarded one does not come back: the advisory is gone too.
    dead::discard(&fixture.bus, &found[0]).await.unwrap();
    assert_eq!(consumers.sweep_given_up().await.unwrap(), 0);
    assert!(dead_letters(&fixture).await.is_empty());
    running.end().await;
    relay.end().await;
}

#[tokio::test]
async fn what_failed_too_often_is_not_reported_as_a_poison_event() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    fixture.commit_events(&[price(Uuid::now_v7(), 1)]).await;
    eventually("it is published", async || fixture.all_published().await).await;
    // Its dead letter could not be published after three failures, so it was delivered again, and now is isolated.
    let failed = format!(
        "insert into attempts (consumer, event_id, failures, last_error)
         values ('search-from-pricing', '{}', 3, 'a bug')",
        fixture.outbox().await[0].id
    );
    let failed = &failed;
    let store = async move |tx: &mut Tx| Ok(tx.conn().batch_execute(failed).await?);
    fixture.search.write("test.failed", store).await.unwrap();
    let away = crate::app::App::scripted(|_, _| {
        Err(Fault::new(Common::DeadlineExceeded, "what it needs hangs"))
    });
    let running = consume(fixture.consumers().on(away, crate::app::price_updated));
    eventually("there is a dead letter", async || dead_letters(&fixture).await.len() == 1).await;
    let found = dead_letters(&fixture).await;
    assert_eq!((found[0].reason.as_str(), found[0].attempts), ("INTERNAL", 3));
    assert!(found[0].error.contains("a bug"), "{}", found[0].error);
    running.end().await;
    relay.end().await;
}
