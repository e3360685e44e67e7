//! A broker that is away, stands still, or loses its data.

use crate::app::{App, price_updated, record};
use crate::fixture::{Fixture, consume, count, eventually, price, prices, relay};
use bus::{Bus, Outcome, Received, RelayTuning};
use contracts::Event;
use fault::Fault;
use metrics_exporter_prometheus::PrometheusBuilder;
use pg::Tx;
use pricing_api::v1::PriceUpdated;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

#[tokio::test]
async fn a_broker_that_is_away_costs_neither_events_nor_attempts() {
    let mut fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    fixture.commit_events(&prices(20)).await;
    eventually("the first have effects", async || fixture.effects().await == 20).await;
    for round in 1..=3 {
        if round == 2 {
            fixture.nats.kill().await.unwrap();
        } else {
            fixture.nats.stop().await.unwrap();
        }
        for _ in 0..10 {
            fixture.commit_events(&prices(25)).await;
        }
        assert!(fixture.bus.health().await.is_err());
        fixture.nats.restart().await.unwrap();
        let expected = 20 + round * 250;
        eventually("all have effects", async || fixture.effects().await == expected).await;
    }
    fixture.bus.health().await.unwrap();
    assert!(fixture.outbox().await.iter().all(|row| row.attempts == 0));
    assert_eq!(fixture.count("select count(*) from attempts").await, 0);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn all_can_start_before_the_broker() {
    let mut fixture = Fixture::new().await;
    fixture.nats.stop().await.unwrap();
    fixture.bus = Bus::connect(&bus::Settings::of(fixture.nats.url())).await.unwrap();
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    fixture.commit_events(&prices(3)).await;
    assert!(fixture.bus.health().await.is_err());
    fixture.nats.restart().await.unwrap();
    eventually("all have effects", async || fixture.effects().await == 3).await;
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_deleted_consumer_is_created_anew_and_repeats_no_effect() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    for round in 1..=2 {
        fixture.commit_events(&prices(10)).await;
        eventually("all have effects", async || fixture.effects().await == round * 10).await;
        fixture.stream().await.delete_consumer("search-from-pricing").await.unwrap();
    }
    fixture.commit_events(&prices(10)).await;
    eventually("the rest has effects", async || fixture.effects().await == 30).await;
    eventually("nothing is left", async || {
        let info = fixture.stream().await.consumer_info("search-from-pricing").await;
        info.is_ok_and(|info| info.num_pending == 0 && info.num_ack_pending == 0)
    })
    .await;
    assert_eq!(fixture.effects().await, 30);
    relay.end().await;
    consumers.end().await;
}

/// One event has its effect, then the consumer's database goes away and 200 more are delivered to it.
async fn take_200_without_database(fixture: &Fixture) {
    fixture.commit_events(&prices(1)).await;
    eventually("the first has an effect", async || fixture.effects().await == 1).await;
    fixture.allow_search_database(false).await;
    fixture.commit_events(&prices(200)).await;
    let stream = fixture.stream().await;
    let delivered =
        async || stream.consumer_info("search-from-pricing").await.unwrap().num_ack_pending == 200;
    eventually("they are in progress", delivered).await;
}

#[tokio::test]
async fn while_the_database_is_away_events_stay_in_progress_and_are_not_given_back() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    take_200_without_database(&fixture).await;
    let stream = fixture.stream().await;
    let held = async || {
        let info = stream.consumer_info("search-from-pricing").await.unwrap();
        (info.num_ack_pending, info.num_redelivered)
    };
    // Longer than the broker waits for an acknowledgement.
    let begun = Instant::now();
    eventually("time has passed", async || begun.elapsed() > Duration::from_secs(4)).await;
    assert_eq!(held().await, (200, 0));
    fixture.allow_search_database(true).await;
    eventually("all have effects", async || fixture.effects().await == 201).await;
    eventually("the broker is done", async || held().await == (0, 0)).await;
    assert_eq!(fixture.count("select count(*) from attempts").await, 0);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_database_that_takes_no_writes_counts_as_away() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    fixture.commit_events(&prices(1)).await;
    eventually("the first has an effect", async || fixture.effects().await == 1).await;
    fixture.read_only(&fixture.search, true).await;
    fixture.commit_events(&prices(20)).await;
    // Longer than three failures take.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let info = fixture.stream().await.consumer_info("search-from-pricing").await.unwrap();
    assert_eq!((info.num_ack_pending, info.num_redelivered), (20, 0));
    fixture.read_only(&fixture.search, false).await;
    eventually("all have effects", async || fixture.effects().await == 21).await;
    assert_eq!(fixture.count("select count(*) from attempts").await, 0);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_broker_that_comes_back_is_not_sent_the_progress_of_the_outage_first() {
    let mut fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    take_200_without_database(&fixture).await;
    fixture.nats.stop().await.unwrap();
    let statistics = fixture.bus.client().statistics();
    let sent = || statistics.out_messages.load(Ordering::Relaxed);
    let before = sent();
    // Long enough to report eight times that each is in progress.
    tokio::time::sleep(Duration::from_millis(4_800)).await;
    fixture.nats.restart().await.unwrap();
    // The health check is sent after whatever was buffered before it.
    eventually("it is back", async || fixture.bus.health().await.is_ok()).await;
    let buffered = sent() - before;
    assert!(buffered < 600, "{buffered} messages were sent at once");
    fixture.allow_search_database(true).await;
    eventually("all have effects", async || fixture.effects().await == 201).await;
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_frozen_broker_is_noticed_and_consumption_goes_on_by_itself() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    fixture.commit_events(&prices(5)).await;
    eventually("the first have effects", async || fixture.effects().await == 5).await;
    fixture.nats.freeze().unwrap();
    fixture.commit_events(&prices(5)).await;
    let begun = Instant::now();
    eventually("it is detected", async || fixture.bus.health().await.is_err()).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // Longer than the consumers' heartbeat.
    eventually("time has passed", async || begun.elapsed() > Duration::from_secs(8)).await;
    assert_eq!(fixture.effects().await, 5);
    assert!(fixture.bus.health().await.is_err(), "it does not become healthy by itself");
    fixture.nats.thaw().unwrap();
    let begun = Instant::now();
    eventually("it is healthy again", async || fixture.bus.health().await.is_ok()).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    eventually("all have effects", async || fixture.effects().await == 10).await;
    fixture.bus.health().await.unwrap();
    assert!(fixture.outbox().await.iter().all(|row| row.attempts == 0));
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn an_answer_that_a_broken_connection_cannot_deliver_is_not_waited_for() {
    let mut fixture = Fixture::new().await;
    let relay = fixture.relay();
    fixture.commit_events(&prices(1)).await;
    eventually("the first is published", async || fixture.all_published().await).await;
    // For one event, and for a batch.
    for count in [1, 20] {
        let sent = |fixture: &Fixture| {
            fixture.bus.client().statistics().out_messages.load(Ordering::Relaxed)
        };
        fixture.nats.freeze().unwrap();
        let before = sent(&fixture);
        let begun = Instant::now();
        fixture.commit_events(&prices(count)).await;
        eventually("they are sent", async || sent(&fixture) > before).await;
        fixture.nats.restart().await.unwrap();
        eventually("all is published", async || fixture.all_published().await).await;
        // The relay waits that long for an answer while the connection stands.
        assert!(begun.elapsed() < Duration::from_secs(5), "{count}: {:?}", begun.elapsed());
    }
    assert!(fixture.outbox().await.iter().all(|row| row.attempts == 0));
    relay.end().await;
}

/// A proxy to the broker that is cut when the task is aborted.
async fn proxy(broker: &str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let broker = broker.trim_start_matches("nats://").to_owned();
    let proxy = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&broker).await.unwrap();
            connections.spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    (url, proxy)
}

#[tokio::test]
async fn a_leader_that_alone_does_not_reach_the_broker_leaves_the_lead_to_another() {
    let fixture = Fixture::new().await;
    let tuning =
        || RelayTuning { broker_timeout: Duration::from_secs(1), ..RelayTuning::default() };
    let (url, proxy_task) = proxy(&fixture.nats.url()).await;
    let leader =
        relay(&fixture.pricing, &Bus::connect(&bus::Settings::of(url)).await.unwrap(), tuning());
    fixture.commit_events(&prices(1)).await;
    eventually("it leads", async || fixture.all_published().await).await;
    let (db, bus) = fixture.other_pricing().await;
    let other = relay(&db, &bus, tuning());
    proxy_task.abort();
    let _ = proxy_task.await;
    fixture.commit_events(&prices(20)).await;
    eventually("the other leads", async || fixture.all_published().await).await;
    assert_eq!(fixture.stored().await.len(), 21);
    assert!(fixture.outbox().await.iter().all(|row| row.attempts == 0));
    leader.end().await;
    other.end().await;
}

/// For longer than the broker's timeout there was nothing to publish, which must not count as a broker that does not answer.
#[tokio::test]
async fn a_leader_keeps_the_lead_when_the_broker_goes_for_a_moment_after_a_long_calm() {
    let mut fixture = Fixture::new().await;
    let broker_timeout = Duration::from_secs(6);
    let relay = relay(
        &fixture.pricing,
        &fixture.bus,
        RelayTuning { broker_timeout, ..RelayTuning::default() },
    );
    fixture.commit_events(&prices(1)).await;
    eventually("it leads", async || fixture.all_published().await).await;
    let session = "select pid::bigint as count from pg_stat_activity
                   where datname = current_database() and application_name = 'souk relay pricing'";
    let before = count(&fixture.pricing, session).await;
    let begun = Instant::now();
    eventually("it was calm", async || begun.elapsed() > broker_timeout + Duration::from_secs(1))
        .await;
    fixture.nats.restart().await.unwrap();
    fixture.commit_events(&prices(1)).await;
    eventually("it goes on", async || fixture.all_published().await).await;
    assert_eq!(count(&fixture.pricing, session).await, before);
    relay.end().await;
}

/// The stage of a test: an event of the old stream is in progress until 1, the first try of one of the new stream until 2.
struct Stages {
    now: watch::Sender<u32>,
    new: Uuid,
    tries: watch::Sender<u32>,
}

async fn by_stages(
    stages: &Stages,
    tx: &mut Tx,
    event: Received<PriceUpdated>,
) -> Result<Outcome, Fault> {
    let is_new = event.key() == stages.new.to_string();
    stages.tries.send_modify(|tries| *tries += 1);
    let until = if is_new { 2 } else { 1 };
    let first = *stages.now.borrow() < until;
    stages.now.subscribe().wait_for(|now| *now >= until).await.unwrap();
    if is_new && first {
        return Err(Fault::internal("the first try fails"));
    }
    record(tx, event.key(), event.version()).await?;
    Ok(Outcome::Done)
}

/// Loses an event while it is in progress, and expects that its acknowledgement does not count for the event that takes its
/// position. The stream keeps `kept` events before it.
async fn an_acknowledgement_counts_for_its_own_event(
    kept: u16,
    lose: impl AsyncFnOnce(&mut Fixture),
) {
    let mut fixture = Fixture::new().await;
    let (old, new) = (Uuid::from_u128(1), Uuid::from_u128(3));
    let stages = Arc::new(Stages { now: watch::Sender::new(0), new, tries: watch::Sender::new(0) });
    let tries = async |wanted: u32| {
        let mut tries = stages.tries.subscribe();
        tries.wait_for(|tries| *tries >= wanted).await.unwrap();
    };
    let first = consume(fixture.consumers().on(App::new(), price_updated));
    let relay = fixture.relay();
    let before = i64::from(kept);
    fixture.commit_events(&prices(kept.into())).await;
    eventually("those before have effects", async || fixture.effects().await == before).await;
    first.end().await;
    fixture.back_up_broker().await;
    let consumers = consume(fixture.consumers().on(stages.clone(), by_stages));
    fixture.commit_events(&[price(old, 1)]).await;
    tries(1).await;
    // Both have the same position.
    lose(&mut fixture).await;
    fixture.commit_events(&[price(new, 1)]).await;
    tries(2).await;
    stages.now.send_replace(1);
    let effects = async |count: i64| fixture.effects().await == before + count;
    eventually("the old one has its effect", async || effects(1).await).await;
    // The same worker sends its acknowledgement, if it sends one, before it begins the next event of that key; and the query
    // below goes to the broker by the same connection, after it.
    fixture.commit_events(&[price(old, 2)]).await;
    eventually("so has the next of its key", async || effects(2).await).await;
    let stream = fixture.stream().await;
    let info = stream.consumer_info("search-from-pricing").await.unwrap();
    assert_eq!(
        info.ack_floor.stream_sequence,
        u64::from(kept),
        "the new one is not acknowledged yet"
    );
    stages.now.send_replace(2);
    eventually("the new one has its effect", async || effects(3).await).await;
    relay.end().await;
    consumers.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_for_a_deleted_stream_does_not_count_for_the_new_stream() {
    an_acknowledgement_counts_for_its_own_event(0, async |fixture| {
        fixture.bus.jetstream().delete_stream("PRICING").await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_for_what_a_backup_does_not_have_does_not_count_for_what_came_since() {
    an_acknowledgement_counts_for_its_own_event(3, async |fixture| {
        fixture.restore_backup().await;
        fixture.nats.restart().await.unwrap();
    })
    .await;
}

/// The test's runtime has one thread, so a recorder of that thread gets all metrics of the relay.
#[tokio::test]
async fn a_full_broker_is_reported_long_before_the_oldest_event_is_old() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let shows = |stalled: u8| {
        let line = format!("outbox_stalled{{service=\"pricing\"}} {stalled}");
        metrics.render().lines().any(|found| found == line)
    };
    let fixture = Fixture::new().await;
    let settings = bus::Settings::of(fixture.nats.url());
    let small = bus::Settings { max_bytes: Some(20_000), ..settings };
    let small = Bus::connect(&small).await.unwrap();
    let full = relay(&fixture.pricing, &small, RelayTuning::default());
    fixture.commit_events(&prices(1)).await;
    eventually("there is room for one", async || fixture.all_published().await && shows(0)).await;

    let begun = Instant::now();
    for version in 1..=5 {
        fixture.insert_outbox_row("pricing.price.updated", "large", version, vec![0; 18_000]).await;
    }
    eventually("it is reported", async || shows(1)).await;
    // The rest of the 15 seconds is for Prometheus: a scrape and an evaluation of the rules.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(!fixture.all_published().await);
    full.end().await;

    let more = relay(&fixture.pricing, &fixture.bus, RelayTuning::default());
    eventually("there is room for all", async || fixture.all_published().await && shows(0)).await;
    more.end().await;
}
