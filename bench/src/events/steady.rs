//! How long an event takes at a steady rate, from the answer to its commit.

use super::backlog::Running;
use super::fixture::Fixture;
use super::shop;
use super::size::Size;
use crate::latency::Latencies;
use anyhow::{Context, Result, bail};
use async_nats::Subscriber;
use async_nats::jetstream::consumer::{DeliverPolicy, push};
use async_nats::jetstream::{self, Message};
use bus::Bus;
use contracts::{Event, Fact};
use futures::StreamExt;
use pg::{Db, outbox};
use pricing_api::v1::PriceUpdated;
use prost::Message as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

/// Commits before the measured ones.
const WARM_UP: usize = 500;

/// Longest wait for the last event after the last commit.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What was measured.
pub struct Steady {
    /// Until the broker had stored it and passed it on.
    pub to_stream: Latencies,
    /// Until its effect was committed, seen by the acknowledgement that follows it at once; empty without consumers.
    pub to_effect: Latencies,
}

/// Timestamps of each event, by its key, which is used once.
#[derive(Default)]
struct Seen {
    committed: HashMap<String, Instant>,
    streamed: HashMap<String, Instant>,
    /// Keys by position in the stream, and when that position was acknowledged.
    positions: HashMap<u64, String>,
    acknowledged: HashMap<u64, Instant>,
}

type Log = Arc<Mutex<Seen>>;

fn note(log: &Log, note: impl FnOnce(&mut Seen)) {
    note(&mut log.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Commits events one by one at the steady rate, however long each takes.
pub async fn run(fixture: &Fixture, size: Size, with_consumers: bool) -> Result<Steady> {
    let relay = Running::relay(fixture);
    let consumers = with_consumers.then(|| Running::consumers(fixture));
    bus::streams::ensure_events(&fixture.bus, "pricing").await?;
    let log = Log::default();
    let mut watchers = JoinSet::new();
    watchers.spawn(watch_stream(fixture.connect().await?, log.clone()));
    let watching = fixture.connect().await?;
    let acks = watching.client().subscribe("$JS.ACK.>").await?;
    // Acknowledgements are not stored: the answer to this shows that the subscription is active.
    watching.health().await?;
    watchers.spawn(watch_acknowledgements(watching, acks, log.clone()));

    let count = WARM_UP + usize::try_from(size.rate * size.seconds)?;
    let ids = shop::ids(size, count);
    commit_all(&fixture.pricing, size, &ids, &log).await?;
    let last = Instant::now();
    while !complete(&log, count, with_consumers) {
        if let Some(ended) = watchers.try_join_next() {
            ended??;
            bail!("the broker ended a subscription");
        }
        if last.elapsed() > TIMEOUT {
            let seen = log.lock().unwrap_or_else(PoisonError::into_inner);
            bail!(
                "of {count} events {} were streamed and {} acknowledged within {TIMEOUT:?}",
                seen.streamed.len(),
                seen.acknowledged.len()
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    relay.end().await?;
    if let Some(consumers) = consumers {
        consumers.end().await?;
    }
    let counted: Vec<String> = ids.iter().skip(WARM_UP).map(Uuid::to_string).collect();
    let seen = log.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(latencies(&seen, &counted))
}

fn complete(log: &Log, count: usize, with_consumers: bool) -> bool {
    let seen = log.lock().unwrap_or_else(PoisonError::into_inner);
    seen.streamed.len() == count && (!with_consumers || seen.acknowledged.len() == count)
}

fn latencies(seen: &Seen, keys: &[String]) -> Steady {
    let mut steady = Steady { to_stream: Latencies::default(), to_effect: Latencies::default() };
    let positions: HashMap<&String, &u64> =
        seen.positions.iter().map(|(position, key)| (key, position)).collect();
    for key in keys {
        let Some(committed) = seen.committed.get(key) else { continue };
        // The relay may publish before the committing task has recorded its commit.
        if let Some(streamed) = seen.streamed.get(key) {
            steady.to_stream.add(streamed.saturating_duration_since(*committed));
        }
        let acknowledged = positions.get(key).and_then(|at| seen.acknowledged.get(at));
        if let Some(acknowledged) = acknowledged {
            steady.to_effect.add(acknowledged.saturating_duration_since(*committed));
        }
    }
    steady
}

async fn commit_all(db: &Db, size: Size, ids: &[Uuid], log: &Log) -> Result<()> {
    let mut tick = tokio::time::interval(Duration::from_secs(1) / u32::try_from(size.rate)?);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    for id in ids {
        tick.tick().await;
        let (db, log, key) = (db.clone(), log.clone(), id.to_string());
        let fact = Fact::from(&shop::event(*id, 1)?);
        tasks.spawn(async move {
            let fact = &fact;
            db.write("bench.commit", async move |tx| outbox::append(tx, [fact.clone()]).await)
                .await?;
            let committed = Instant::now();
            note(&log, |seen| {
                seen.committed.insert(key, committed);
            });
            Ok(())
        });
        while let Some(done) = tasks.try_join_next() {
            done??;
        }
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// Notes when the broker passes an event on, which it does after it has stored it.
async fn watch_stream(bus: Bus, log: Log) -> Result<()> {
    let stream = bus.jetstream().get_stream("PRICING").await?;
    let ordered = push::OrderedConfig {
        deliver_subject: bus.client().new_inbox(),
        deliver_policy: DeliverPolicy::All,
        ..push::OrderedConfig::default()
    };
    let mut messages = stream.create_consumer(ordered).await?.messages().await?;
    while let Some(message) = messages.next().await {
        let (message, now) = (message?, Instant::now());
        let position = position(&message)?;
        let event = PriceUpdated::decode(message.payload.clone())?;
        note(&log, |seen| {
            seen.streamed.insert(event.key().to_owned(), now);
            seen.positions.insert(position, event.key().to_owned());
        });
    }
    Ok(())
}

/// Records when consumers acknowledge that the effect is committed.
async fn watch_acknowledgements(bus: Bus, mut acks: Subscriber, log: Log) -> Result<()> {
    let context: jetstream::Context = bus.jetstream().clone();
    while let Some(mut message) = acks.next().await {
        let now = Instant::now();
        if !message.payload.starts_with(b"+ACK") {
            continue;
        }
        // The subject of an acknowledgement is the message's reply subject, which contains its position.
        message.reply = Some(message.subject.clone());
        let position = position(&Message { message, context: context.clone() })?;
        note(&log, |seen| {
            seen.acknowledged.entry(position).or_insert(now);
        });
    }
    Ok(())
}

fn position(message: &Message) -> Result<u64> {
    let info = message.info().map_err(|error| anyhow::anyhow!("{error}"));
    Ok(info.context("where a message stands in its stream")?.stream_sequence)
}
