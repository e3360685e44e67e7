//! Brokers that come and go.

use crate::app::{App, price_updated, see};
use crate::world::{World, count, eventually, listen, price, prices, relay};
use bus::{Bus, Outcome, Received, Tempo};
use contracts::Event;
use contracts::pricing::v1::PriceUpdated;
use fault::Fault;
use metrics_exporter_prometheus::PrometheusBuilder;
use pg::Tx;
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
    let mut world = World::new().await;
    let relay = world.relay();
    let consumers = listen(world.consumers().on(App::new(), price_updated));
    world.say(&prices(20)).await;
    eventually("the first have effects", async || world.effects().await == 20).await;
    for round in 1..=3 {
        if round == 2 {
            world.nats.kill().await.unwrap();
        } else {
            world.nats.stop().await.unwrap();
        }
        for _ in 0..10 {
            world.say(&prices(25)).await;
        }
        assert!(world.bus.health().await.is_err());
        world.nats.restart().await.unwrap();
        let expected = 20 + round * 250;
        eventually("all have effects", async || world.effects().await == expected).await;
    }
    world.bus.health().await.unwrap();
    assert!(world.outbox().await.iter().all(|row| row.attempts == 0));
    assert_eq!(world.count("select count(*) from attempts").await, 0);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn all_can_start_before_the_broker() {
    let mut world = World::new().await;
    world.nats.stop().await.unwrap();
    world.bus = Bus::connect(&bus::Settings::of(world.nats.url())).await.unwrap();
    let relay = world.relay();
    let consumers = listen(world.consumers().on(App::new(), price_updated));
    world.say(&prices(3)).await;
    assert!(world.bus.health().await.is_err());
    world.nats.restart().await.unwrap();
    eventually("all have effects", async || world.effects().await == 3).await;
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_deleted_consumer_is_made_anew_and_repeats_no_effect() {
    let world = World::new().await;
    let relay = world.relay();
    let consumers = listen(world.consumers().on(App::new(), price_updated));
    for round in 1..=2 {
        world.say(&prices(10)).await;
        eventually("all have effects", async || world.effects().await == round * 10).await;
        world.stream().await.delete_consumer("search-from-pricing").await.unwrap();
    }
    world.say(&prices(10)).await;
    eventually("the rest has effects", async || world.effects().await == 30).await;
    eventually("nothing is left", async || {
        let info = world.stream().await.consumer_info("search-from-pricing").await;
        info.is_ok_and(|info| info.num_pending == 0 && info.num_ack_pending == 0)
    })
    .await;
    assert_eq!(world.effects().await, 30);
    relay.end().await;
    consumers.end().await;
}

/// One event has its effect, then the listener's database goes and 200 more have come to it.
async fn hold_200(world: &World) {
    world.say(&prices(1)).await;
    eventually("the first has an effect", async || world.effects().await == 1).await;
    world.database_of_search(false).await;
    world.say(&prices(200)).await;
    let stream = world.stream().await;
    let come =
        async || stream.consumer_info("search-from-pricing").await.unwrap().num_ack_pending == 200;
    eventually("they are with us", come).await;
}

#[tokio::test]
async fn while_the_database_is_away_events_are_held_and_not_given_back() {
    let world = World::new().await;
    let relay = world.relay();
    let consumers = listen(world.consumers().on(App::new(), price_updated));
    hold_200(&world).await;
    let stream = world.stream().await;
    let held = async || {
        let info = stream.consumer_info("search-from-pricing").await.unwrap();
        (info.num_ack_pending, info.num_redelivered)
    };
    // Longer than the broker waits for an acknowledgement.
    let begun = Instant::now();
    eventually("time has passed", async || begun.elapsed() > Duration::from_secs(4)).await;
    assert_eq!(held().await, (200, 0));
    world.database_of_search(true).await;
    eventually("all have effects", async || world.effects().await == 201).await;
    eventually("the broker is done", async || held().await == (0, 0)).await;
    assert_eq!(world.count("select count(*) from attempts").await, 0);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_as_good_as_away() {
    let world = World::new().await;
    let relay = world.relay();
    let consumers = listen(world.consumers().on(App::new(), price_updated));
    world.say(&prices(1)).await;
    eventually("the first has an effect", async || world.effects().await == 1).await;
    world.read_only(&world.search, true).await;
    world.say(&prices(20)).await;
    // Longer than it takes to fail thrice.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let info = world.stream().await.consumer_info("search-from-pricing").await.unwrap();
    assert_eq!((info.num_ack_pending, info.num_redelivered), (20, 0));
    world.read_only(&world.search, false).await;
    eventually("all have effects", async || world.effects().await == 21).await;
    assert_eq!(world.count("select count(*) from attempts").await, 0);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_broker_that_comes_back_is_not_told_first_what_was_held_meanwhile() {
    let mut world = World::new().await;
    let relay = world.relay();
    let consumers = listen(world.consumers().on(App::new(), price_updated));
    hold_200(&world).await;
    world.nats.stop().await.unwrap();
    let statistics = world.bus.client().statistics();
    let said = || statistics.out_messages.load(Ordering::Relaxed);
    let before = said();
    // Long enough to say eight times of each that it is held.
    tokio::time::sleep(Duration::from_millis(4_800)).await;
    world.nats.restart().await.unwrap();
    // The question stands behind whatever was to be said before it.
    eventually("it is back", async || world.bus.health().await.is_ok()).await;
    let told = said() - before;
    assert!(told < 600, "{told} messages were sent at once");
    world.database_of_search(true).await;
    eventually("all have effects", async || world.effects().await == 201).await;
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_frozen_broker_is_noticed_and_consumption_goes_on_by_itself() {
    let world = World::new().await;
    let relay = world.relay();
    let consumers = listen(world.consumers().on(App::new(), price_updated));
    world.say(&prices(5)).await;
    eventually("the first have effects", async || world.effects().await == 5).await;
    world.nats.freeze().unwrap();
    world.say(&prices(5)).await;
    let begun = Instant::now();
    eventually("it is noticed", async || world.bus.health().await.is_err()).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // Longer than the heartbeat that consumers listen for.
    eventually("time has passed", async || begun.elapsed() > Duration::from_secs(8)).await;
    assert_eq!(world.effects().await, 5);
    assert!(world.bus.health().await.is_err(), "it does not become healthy by itself");
    world.nats.thaw().unwrap();
    let begun = Instant::now();
    eventually("it is healthy again", async || world.bus.health().await.is_ok()).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    eventually("all have effects", async || world.effects().await == 10).await;
    world.bus.health().await.unwrap();
    assert!(world.outbox().await.iter().all(|row| row.attempts == 0));
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn an_answer_that_a_broken_connection_cannot_bring_is_not_waited_for() {
    let mut world = World::new().await;
    let relay = world.relay();
    world.say(&prices(1)).await;
    eventually("the first is published", async || world.all_published().await).await;
    // For one event, and for a batch.
    for count in [1, 20] {
        let sent =
            |world: &World| world.bus.client().statistics().out_messages.load(Ordering::Relaxed);
        world.nats.freeze().unwrap();
        let before = sent(&world);
        let begun = Instant::now();
        world.say(&prices(count)).await;
        eventually("they are sent", async || sent(&world) > before).await;
        world.nats.restart().await.unwrap();
        eventually("all is published", async || world.all_published().await).await;
        // So long the relay waits for an answer while the connection stands.
        assert!(begun.elapsed() < Duration::from_secs(5), "{count}: {:?}", begun.elapsed());
    }
    assert!(world.outbox().await.iter().all(|row| row.attempts == 0));
    relay.end().await;
}

/// A way to the broker that is cut when the task is aborted.
async fn detour(broker: &str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let broker = broker.trim_start_matches("nats://").to_owned();
    let way = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&broker).await.unwrap();
            connections.spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    (url, way)
}

#[tokio::test]
async fn a_leader_that_alone_does_not_reach_the_broker_leaves_the_lead_to_another() {
    let world = World::new().await;
    let tempo = || Tempo { unheard: Duration::from_secs(1), ..Tempo::default() };
    let (url, way) = detour(&world.nats.url()).await;
    let leader =
        relay(&world.pricing, &Bus::connect(&bus::Settings::of(url)).await.unwrap(), tempo());
    world.say(&prices(1)).await;
    eventually("it leads", async || world.all_published().await).await;
    let (db, bus) = world.other_pricing().await;
    let other = relay(&db, &bus, tempo());
    way.abort();
    let _ = way.await;
    world.say(&prices(20)).await;
    eventually("the other leads", async || world.all_published().await).await;
    assert_eq!(world.stored().await.len(), 21);
    assert!(world.outbox().await.iter().all(|row| row.attempts == 0));
    leader.end().await;
    other.end().await;
}

/// It had nothing to say for longer than a silent broker may take, which is no silence of the broker.
#[tokio::test]
async fn a_leader_keeps_the_lead_when_the_broker_goes_for_a_moment_after_a_long_calm() {
    let mut world = World::new().await;
    let unheard = Duration::from_secs(6);
    let relay = relay(&world.pricing, &world.bus, Tempo { unheard, ..Tempo::default() });
    world.say(&prices(1)).await;
    eventually("it leads", async || world.all_published().await).await;
    let session = "select pid::bigint as count from pg_stat_activity
                   where datname = current_database() and application_name = 'souk relay pricing'";
    let before = count(&world.pricing, session).await;
    let begun = Instant::now();
    eventually("it was calm", async || begun.elapsed() > unheard + Duration::from_secs(1)).await;
    world.nats.restart().await.unwrap();
    world.say(&prices(1)).await;
    eventually("it goes on", async || world.all_published().await).await;
    assert_eq!(count(&world.pricing, session).await, before);
    relay.end().await;
}

/// How far a test is: an event of the old stream is held until 1, the first try of one of the new stream until 2.
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
    see(tx, event.key(), event.version()).await?;
    Ok(Outcome::Done)
}

/// Loses an event while it is held, and expects that its answer does not count for the one that takes its place. The stream
/// keeps so many before it.
async fn an_answer_counts_for_its_own(kept: u16, lose: impl AsyncFnOnce(&mut World)) {
    let mut world = World::new().await;
    let (old, new) = (Uuid::from_u128(1), Uuid::from_u128(3));
    let stages = Arc::new(Stages { now: watch::Sender::new(0), new, tries: watch::Sender::new(0) });
    let tries = async |wanted: u32| {
        let mut tries = stages.tries.subscribe();
        tries.wait_for(|tries| *tries >= wanted).await.unwrap();
    };
    let first = listen(world.consumers().on(App::new(), price_updated));
    let relay = world.relay();
    let before = i64::from(kept);
    world.say(&prices(kept.into())).await;
    eventually("those before have effects", async || world.effects().await == before).await;
    first.end().await;
    world.back_up_broker().await;
    let consumers = listen(world.consumers().on(stages.clone(), by_stages));
    world.say(&[price(old, 1)]).await;
    tries(1).await;
    // Both have the same position.
    lose(&mut world).await;
    world.say(&[price(new, 1)]).await;
    tries(2).await;
    stages.now.send_replace(1);
    let effects = async |count: i64| world.effects().await == before + count;
    eventually("the old one has its effect", async || effects(1).await).await;
    // The same worker has given its answer, if it gives one, before it begins the next event of that key; and the question
    // goes to the broker by the same connection, behind it.
    world.say(&[price(old, 2)]).await;
    eventually("so has the next of its key", async || effects(2).await).await;
    let stream = world.stream().await;
    let info = stream.consumer_info("search-from-pricing").await.unwrap();
    assert_eq!(info.ack_floor.stream_sequence, u64::from(kept), "the new one is not answered yet");
    stages.now.send_replace(2);
    eventually("the new one has its effect", async || effects(3).await).await;
    relay.end().await;
    consumers.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_a_stream_that_is_gone_is_not_taken_for_one_to_the_new_stream() {
    an_answer_counts_for_its_own(0, async |world| {
        world.bus.jetstream().delete_stream("PRICING").await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_what_a_backup_does_not_have_is_not_taken_for_one_to_what_came_since() {
    an_answer_counts_for_its_own(3, async |world| {
        world.put_backup_back().await;
        world.nats.restart().await.unwrap();
    })
    .await;
}

/// The test's runtime has one thread, so a recorder of that thread sees all that the relay tells.
#[tokio::test]
async fn a_full_broker_is_told_of_long_before_the_oldest_event_is_old() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _told = metrics::set_default_local_recorder(&recorder);
    let shows = |stalled: u8| {
        let line = format!("outbox_stalled{{service=\"pricing\"}} {stalled}");
        metrics.render().lines().any(|found| found == line)
    };
    let world = World::new().await;
    let settings = bus::Settings::of(world.nats.url());
    let small = bus::Settings { max_bytes: Some(20_000), ..settings };
    let small = Bus::connect(&small).await.unwrap();
    let full = relay(&world.pricing, &small, Tempo::default());
    world.say(&prices(1)).await;
    eventually("there is room for one", async || world.all_published().await && shows(0)).await;

    let begun = Instant::now();
    for version in 1..=5 {
        world.force("pricing.price.updated", "large", version, vec![0; 18_000]).await;
    }
    eventually("it is told", async || shows(1)).await;
    // The rest of the 15 seconds is for Prometheus: a scrape and a look at the rules.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(!world.all_published().await);
    full.end().await;

    let more = relay(&world.pricing, &world.bus, Tempo::default());
    eventually("there is room for all", async || world.all_published().await && shows(0)).await;
    more.end().await;
}
