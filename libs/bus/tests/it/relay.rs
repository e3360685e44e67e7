//! From the outbox to the stream.

use crate::fixture::{Fixture, commit_events, count, eventually, price, prices, relay};
use async_nats::jetstream::stream;
use bus::{Envelope, RelayTuning};
use diesel::sql_query;
use diesel_async::RunQueryDsl;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// Polls so rarely that only a notification explains an event that is published in time.
fn asleep() -> RelayTuning {
    let hour = Duration::from_secs(3600);
    RelayTuning { poll_min: hour, poll_max: hour, ..RelayTuning::default() }
}

#[tokio::test]
async fn what_is_committed_is_published_once_with_its_envelope() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let id = Uuid::now_v7();
    fixture.commit_events(&[price(id, 1), price(id, 2)]).await;
    fixture.commit_events(&[price(id, 3)]).await;
    eventually("all is published", async || fixture.all_published().await).await;
    relay.end().await;

    let rows = fixture.outbox().await;
    let positions: Vec<_> = rows.iter().map(|row| row.published_seq.unwrap()).collect();
    assert_eq!(positions, [1, 2, 3]);
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    assert_eq!(fixture.stored().await, ids);

    let message = fixture.stream().await.get_raw_message(3).await.unwrap();
    let envelope = Envelope::read(&message.subject, &message.headers).unwrap();
    assert_eq!(envelope.subject, "pricing.price.updated");
    assert_eq!(envelope.message, "souk.pricing.v1.PriceUpdated");
    assert_eq!(envelope.source, "/souk/pricing");
    assert_eq!((envelope.key, envelope.version), (id.to_string(), 3));
    assert!(envelope.correlation_id.is_some());
    assert_eq!(message.headers.get("ce-specversion").unwrap().as_str(), "1.0");
}

#[tokio::test]
async fn two_relays_have_one_leader_and_the_other_one_wakes_it() {
    let fixture = Fixture::new().await;
    let (other_db, other_bus) = fixture.other_pricing().await;
    let locks = "select count(*) from pg_locks
                 where locktype = 'advisory' and granted
                   and database = (select oid from pg_database where datname = current_database())";
    let leader = relay(&fixture.pricing, &fixture.bus, asleep());
    fixture.commit_events(&prices(1)).await;
    eventually("the first one leads", async || fixture.all_published().await).await;
    let stand_by = relay(&other_db, &other_bus, asleep());
    for round in 0..5 {
        commit_events(&other_db, &prices(3)).await;
        eventually(&format!("round {round}"), async || fixture.all_published().await).await;
        assert_eq!(count(&fixture.pricing, locks).await, 1);
    }
    leader.crash().await;
    commit_events(&other_db, &prices(1)).await;
    eventually("the other one leads", async || fixture.all_published().await).await;
    stand_by.end().await;
    let stored = fixture.stored().await;
    assert_eq!(stored.len(), 17);
}

#[tokio::test]
async fn a_relay_that_dies_half_way_is_followed_by_another_and_nothing_is_lost_or_stored_twice() {
    let fixture = Fixture::new().await;
    let mut committed = 0;
    for round in 0..6 {
        let relay = fixture.relay();
        for _ in 0..4 {
            fixture.commit_events(&prices(150)).await;
            committed += 150;
        }
        // At a random point: it may be reading, publishing or marking.
        eventually("some are published", async || {
            let published = "select count(*) from outbox where published_at is not null";
            count(&fixture.pricing, published).await > round * 100
        })
        .await;
        relay.crash().await;
    }
    let relay = fixture.relay();
    eventually("all is published", async || fixture.all_published().await).await;
    relay.end().await;
    let mut stored = fixture.stored().await;
    assert_eq!(stored.len(), committed);
    stored.sort();
    stored.dedup();
    assert_eq!(stored.len(), committed);
}

#[tokio::test]
async fn a_leader_whose_session_is_ended_leads_again() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    for _ in 0..3 {
        fixture.commit_events(&prices(2)).await;
        eventually("all is published", async || fixture.all_published().await).await;
        fixture
            .pricing
            .write("test.terminate", async |tx| {
                let end = "select pg_terminate_backend(pid) from pg_stat_activity
                           where application_name = 'souk relay pricing'
                             and datname = current_database()";
                sql_query(end).execute(tx.conn()).await?;
                Ok(())
            })
            .await
            .unwrap();
    }
    fixture.commit_events(&prices(2)).await;
    eventually("all is published", async || fixture.all_published().await).await;
    relay.end().await;
}

/// Three pages: the second is read while the first is on its way.
#[tokio::test]
async fn rows_that_are_read_ahead_keep_their_order_and_stay_behind_a_refused_one() {
    let fixture = Fixture::new().await;
    let (ids, blocked) = ((0..400).map(|_| Uuid::now_v7()).collect::<Vec<_>>(), Uuid::now_v7());
    let all = |version| ids.iter().map(|id| price(*id, version)).collect::<Vec<_>>();
    fixture.commit_events(&all(1)).await;
    fixture.insert_outbox_row("catalog.product.created", &blocked.to_string(), 1, vec![0]).await;
    fixture.commit_events(&all(2)).await;
    fixture.commit_events(&[price(blocked, 2)]).await;
    fixture.commit_events(&all(3)).await;
    let relay = fixture.relay();
    let unpublished = "select count(*) from outbox where published_at is null";
    eventually("the rest is through", async || count(&fixture.pricing, unpublished).await == 2)
        .await;
    relay.end().await;

    let stream = fixture.stream().await;
    let mut versions: HashMap<String, Vec<i64>> = HashMap::new();
    for position in 1..=stream.cached_info().state.last_sequence {
        let message = stream.get_raw_message(position).await.unwrap();
        let envelope = Envelope::read(&message.subject, &message.headers).unwrap();
        versions.entry(envelope.key).or_default().push(envelope.version);
    }
    assert_eq!(versions.len(), ids.len());
    for id in ids {
        assert_eq!(versions[&id.to_string()], [1, 2, 3]);
    }
}

/// Three times as many bytes as are read at once.
#[tokio::test]
async fn a_backlog_of_the_largest_events_is_read_in_parts_and_published_in_order() {
    let fixture = Fixture::new().await;
    for version in 1..=200 {
        fixture
            .insert_outbox_row("pricing.price.updated", "large", version, vec![0; 256 * 1024])
            .await;
    }
    let relay = fixture.relay();
    eventually("all is published", async || fixture.all_published().await).await;
    relay.end().await;
    let committed: Vec<Uuid> = fixture.outbox().await.iter().map(|row| row.id).collect();
    assert_eq!(fixture.stored().await, committed);
}

/// An operator forbids atomic batches, which the relay learns from the refusal of one.
#[tokio::test]
async fn a_stream_that_takes_no_batches_gets_the_events_one_by_one_in_order_per_key() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let ids: Vec<Uuid> = (0..300).map(|_| Uuid::now_v7()).collect();
    let all = |version| ids.iter().map(|id| price(*id, version)).collect::<Vec<_>>();
    fixture.commit_events(&all(1)).await;
    eventually("all is published", async || fixture.all_published().await).await;

    let js = fixture.bus.jetstream();
    let config = js.get_stream("PRICING").await.unwrap().cached_info().config.clone();
    // A broker before 2.12 never allows them.
    let batched = if config.allow_atomic_publish { 300 } else { 0 };
    let single = stream::Config { allow_atomic_publish: false, ..config };
    js.update_stream(&single).await.unwrap();
    // More than may be outstanding at once, and each key several times.
    for version in 2..=4 {
        fixture.commit_events(&all(version)).await;
    }
    eventually("all is published", async || fixture.all_published().await).await;
    relay.end().await;

    let stream = js.get_stream("PRICING").await.unwrap();
    assert!(!stream.cached_info().config.allow_atomic_publish, "it was not allowed again");
    assert_eq!(stream.cached_info().state.last_sequence, 1200);
    let mut versions: HashMap<String, Vec<i64>> = HashMap::new();
    for position in 1..=1200 {
        let message = stream.get_raw_message(position).await.unwrap();
        assert_eq!(message.headers.get("Nats-Batch-Id").is_some(), position <= batched);
        let envelope = Envelope::read(&message.subject, &message.headers).unwrap();
        versions.entry(envelope.key).or_default().push(envelope.version);
    }
    for id in ids {
        assert_eq!(versions[&id.to_string()], [1, 2, 3, 4]);
    }
    assert!(fixture.outbox().await.iter().all(|row| row.attempts == 0));
}

#[tokio::test]
async fn a_refused_row_blocks_its_key_and_no_other() {
    let fixture = Fixture::new().await;
    let (blocked, free) = (Uuid::now_v7(), Uuid::now_v7());
    fixture.commit_events(&[price(free, 1)]).await;
    let subject = "pricing.price.updated";
    fixture.insert_outbox_row(subject, &blocked.to_string(), 1, vec![0; 300 * 1024]).await;
    fixture.commit_events(&[price(blocked, 2), price(free, 2), price(blocked, 3)]).await;
    // Neither of the broker's size nor of its subjects: refused before it is sent.
    fixture.insert_outbox_row("catalog.product.created", "foreign", 1, vec![0]).await;
    let relay = fixture.relay();

    let state = async || -> Vec<(bool, bool)> {
        let rows = fixture.outbox().await;
        rows.iter().map(|row| (row.published_seq.is_some(), row.attempts > 0)).collect()
    };
    let (done, waits, refused) = ((true, false), (false, false), (false, true));
    let expected = [done, refused, waits, done, waits, refused];
    eventually("the free key is through", async || state().await == expected).await;
    let rows = fixture.outbox().await;
    assert!(rows[1].last_error.as_ref().unwrap().contains("maximum"), "{:?}", rows[1].last_error);
    assert!(rows[5].last_error.as_ref().unwrap().contains("no subject of pricing"));

    // Events of other keys are published meanwhile, and the pause grows.
    fixture.commit_events(&prices(100)).await;
    eventually("the rest is through", async || {
        let rows = fixture.outbox().await;
        rows[6..].iter().all(|row| row.published_seq.is_some()) && rows[1].attempts >= 2
    })
    .await;
    assert!(state().await[2] == waits && state().await[4] == waits);

    // An operator repairs the row.
    fixture
        .pricing
        .write("test.repair", async |tx| {
            let repair = "update outbox set payload = '', retry_at = null where attempts > 0";
            sql_query(repair).execute(tx.conn()).await?;
            sql_query("delete from outbox where key = 'foreign'").execute(tx.conn()).await?;
            Ok(())
        })
        .await
        .unwrap();
    eventually("its key goes on", async || fixture.all_published().await).await;
    relay.end().await;
    let rows = fixture.outbox().await;
    let positions: Vec<_> = [1, 2, 4].map(|at: usize| rows[at].published_seq.unwrap()).to_vec();
    assert!(positions.is_sorted(), "{positions:?}");
    assert_eq!(rows[1].last_error, None);
}

#[tokio::test]
async fn a_batch_whose_outcome_got_lost_is_stored_once() {
    let fixture = Fixture::new().await;
    fixture.commit_events(&prices(50)).await;
    // As if a batch had been stored and its acknowledgement lost.
    let rows = fixture.outbox().await;
    for row in rows.iter().step_by(7) {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Msg-Id", row.id.to_string());
        headers.insert("ce-id", row.id.to_string());
        fixture.publish_raw("pricing.price.updated", headers, Vec::new()).await;
    }
    let relay = fixture.relay();
    eventually("all is published", async || fixture.all_published().await).await;
    relay.end().await;
    let mut stored = fixture.stored().await;
    assert_eq!(stored.len(), 50);
    stored.sort();
    stored.dedup();
    assert_eq!(stored.len(), 50);
    assert!(fixture.outbox().await.iter().all(|row| row.attempts == 0));
}

/// A process that stands still, like one behind a network that drops everything: its connections are half-open.
#[tokio::test]
async fn a_leader_that_stands_still_loses_the_lead() {
    let fixture = Fixture::new().await;
    let (other_db, other_bus) = fixture.other_pricing().await;
    let (still, stand_still) = std::sync::mpsc::channel::<std::sync::mpsc::Receiver<()>>();
    let (db_settings, nats) = (pg::Settings::of(fixture.pricing.url().clone()), fixture.nats.url());
    let process = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = pg::Db::new("pricing", db_settings).unwrap();
            let bus = bus::Bus::connect(&bus::Settings::of(nats)).await.unwrap();
            let relay = relay(&db, &bus, RelayTuning::default());
            loop {
                match stand_still.try_recv() {
                    // Blocks the only thread of the process.
                    Ok(until) => _ = until.recv(),
                    Err(std::sync::mpsc::TryRecvError::Empty) => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => break,
                }
            }
            relay.end().await;
        });
    });
    fixture.commit_events(&prices(1)).await;
    eventually("the first leads", async || fixture.all_published().await).await;
    let (go_on, until) = std::sync::mpsc::channel::<()>();
    still.send(until).unwrap();
    let stand_by = relay(&other_db, &other_bus, RelayTuning::default());
    fixture.commit_events(&prices(3)).await;
    let begun = std::time::Instant::now();
    eventually("the other one leads", async || fixture.all_published().await).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // The first one wakes up and finds its session gone.
    drop(go_on);
    for _ in 0..3 {
        fixture.commit_events(&prices(3)).await;
        eventually("all is published", async || fixture.all_published().await).await;
    }
    drop(still);
    process.join().unwrap();
    stand_by.end().await;
    assert_eq!(fixture.stored().await.len(), 13);
}

#[tokio::test]
async fn no_relay_leads_where_the_database_takes_no_writes() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    fixture.commit_events(&prices(1)).await;
    eventually("it is published", async || fixture.all_published().await).await;
    relay.end().await;
    fixture.commit_events(&prices(3)).await;
    fixture.read_only(&fixture.pricing, true).await;
    let relay = fixture.relay();
    // Longer than it takes to lead.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let state = fixture.stream().await.cached_info().state.clone();
    assert_eq!(state.messages, 1, "published what cannot be marked");
    fixture.read_only(&fixture.pricing, false).await;
    eventually("all is published", async || fixture.all_published().await).await;
    assert_eq!(fixture.stored().await.len(), 4);
    relay.end().await;
}
