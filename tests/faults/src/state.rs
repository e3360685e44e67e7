//! What the servers hold, as lines of a history.

use crate::check::c2::{COUNTING, PROJECTING};
use crate::databases::Databases;
use crate::event::{PUBLISHER, mark_of_message};
use crate::history::{Claim, DeadLetter, Entry, OutboxRow, Projected, Recorder, Stored, Version};
use anyhow::{Context, Result};
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::Stream;
use bus::{Bus, Envelope, dead, streams};
use futures::StreamExt;
use std::time::Duration;

/// The services that consume, and their durable consumers.
pub const CONSUMERS: [(&str, &str); 2] = [("search", COUNTING), ("catalog", PROJECTING)];

/// How many events are not published.
pub const UNPUBLISHED: &str = "select count(*) from outbox where published_at is null";

/// Dead letters that are read at once.
const PAGE: usize = 1000;

/// Longest pause between two messages while a stream is read.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Adds all of it to the history.
pub async fn record(databases: &Databases, bus: &Bus, recorder: &Recorder) -> Result<()> {
    recorder.add_all(&owner(databases).await.context("read the publisher's database")?)?;
    recorder.add_all(&stream(bus).await.context("read the stream")?)?;
    for (service, consumer) in CONSUMERS {
        let entries = consumer_state(databases, bus, service, consumer).await;
        recorder.add_all(&entries.with_context(|| format!("read what {service} has"))?)?;
    }
    Ok(())
}

async fn owner(databases: &Databases) -> Result<Vec<Entry>> {
    let client = databases.client(PUBLISHER).await?;
    let mut entries = Vec::new();
    let outbox = "select seq, id::text, key, version, published_at is not null, attempts
                  from outbox order by seq";
    for row in client.query(outbox, &[]).await? {
        entries.push(Entry::Outbox(OutboxRow {
            seq: row.get(0),
            id: row.get(1),
            key: row.get(2),
            version: row.get(3),
            published: row.get(4),
            attempts: row.get(5),
        }));
    }
    for row in client.query("select key, version from aggregates", &[]).await? {
        entries.push(Entry::Owner(Version { key: row.get(0), version: row.get(1) }));
    }
    Ok(entries)
}

/// All messages of the publisher's stream.
async fn stream(bus: &Bus) -> Result<Vec<Entry>> {
    let stream = bus.jetstream().get_stream(streams::events(PUBLISHER)).await?;
    let last = stream.cached_info().state.last_sequence;
    let mut entries = Vec::new();
    if stream.cached_info().state.messages == 0 {
        return Ok(entries);
    }
    let mut messages = stream.create_consumer(OrderedConfig::default()).await?.messages().await?;
    loop {
        let next = tokio::time::timeout(TIMEOUT, messages.next()).await?;
        let message = next.context("the stream ended too soon")??;
        let info = message.info().map_err(|error| anyhow::anyhow!("{error}"))?;
        let (position, at) = (info.stream_sequence, info.published);
        let headers = message.headers.clone().unwrap_or_default();
        let envelope = Envelope::read(&message.subject, &headers).ok();
        let id = headers.get("ce-id").map(|id| id.as_str().to_owned());
        let mark = mark_of_message(envelope.as_ref(), &message.payload);
        let (key, version) =
            envelope.map(|envelope| (envelope.key, envelope.version)).unwrap_or_default();
        entries.push(Entry::Stored(Stored {
            position,
            at: i64::try_from(at.unix_timestamp_nanos() / 1000)?,
            id: id.filter(|id| uuid::Uuid::parse_str(id).is_ok()),
            key,
            version,
            mark: mark.map(|mark| mark.to_string()),
        }));
        if position >= last {
            return Ok(entries);
        }
    }
}

async fn consumer_state(
    databases: &Databases,
    bus: &Bus,
    service: &str,
    consumer: &str,
) -> Result<Vec<Entry>> {
    let client = databases.client(service).await?;
    let mut entries = Vec::new();
    let inbox =
        "select consumer, event_id::text, (extract(epoch from claimed_at) * 1000000)::bigint
                 from inbox order by claimed_at";
    for row in client.query(inbox, &[]).await? {
        let claim = Claim { consumer: row.get(0), id: row.get(1), at: row.get(2) };
        entries.push(Entry::Claim(claim));
    }
    for row in client.query("select consumer, event_id::text from early", &[]).await? {
        entries.push(Entry::Early { consumer: row.get(0), id: row.get(1) });
    }
    for row in client.query("select key, count from tally", &[]).await? {
        let count: i64 = row.get(1);
        entries.push(Entry::Tally { key: row.get(0), count: count.unsigned_abs() });
    }
    for row in client.query("select key, version, back from projection", &[]).await? {
        let (key, version, back) = (row.get(0), row.get(1), row.get(2));
        entries.push(Entry::Projected(Projected { key, version, back }));
    }
    entries.extend(dead_letters(bus, service).await?);
    let events = bus.jetstream().get_stream_no_info(streams::events(PUBLISHER)).await?;
    if let Some(count) = delivered(&events, consumer).await {
        entries.push(Entry::Delivered { consumer: consumer.to_owned(), count });
    }
    Ok(entries)
}

/// The dead letters of a service; none where it has no stream, since it never consumed.
pub async fn dead_letters(bus: &Bus, service: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    if bus.jetstream().get_stream(streams::dead(service)).await.is_err() {
        return Ok(entries);
    }
    let mut after = 0;
    loop {
        let dead_letters =
            dead::list(bus, service, after, PAGE).await.map_err(crate::process::error)?;
        let Some(last) = dead_letters.last() else { return Ok(entries) };
        after = last.sequence;
        entries.extend(dead_letters.into_iter().map(|found| {
            let (consumer, id, reason) = (found.consumer, found.event_id, found.reason);
            Entry::DeadLetter(DeadLetter { consumer, id, reason })
        }));
    }
}

async fn delivered(stream: &Stream<()>, consumer: &str) -> Option<u64> {
    let info = stream.consumer_info(consumer).await.ok()?;
    Some(info.delivered.consumer_sequence)
}

/// Describes what is still to be done; none: all is quiet.
pub async fn unfinished(databases: &Databases, bus: &Bus) -> Result<Option<String>> {
    let client = databases.client(PUBLISHER).await?;
    let unpublished: i64 = client.query_one(UNPUBLISHED, &[]).await?.get(0);
    if unpublished > 0 {
        return Ok(Some(format!("{unpublished} events are not published")));
    }
    let stream = bus.jetstream().get_stream_no_info(streams::events(PUBLISHER)).await?;
    for (_, consumer) in CONSUMERS {
        let info = stream.consumer_info(consumer).await;
        let info = info.with_context(|| format!("ask about {consumer}"))?;
        let (pending, sent) = (info.num_pending, info.num_ack_pending);
        if pending > 0 || sent > 0 {
            return Ok(Some(format!("{consumer} has {pending} pending and {sent} in progress")));
        }
    }
    let advisories = bus.jetstream().get_stream(streams::ADVISORIES).await?;
    if advisories.cached_info().state.messages > 0 {
        return Ok(Some("not all advisories of the broker are followed up".to_owned()));
    }
    for (service, _) in CONSUMERS {
        let client = databases.client(service).await?;
        let early: i64 = client.query_one("select count(*) from early", &[]).await?.get(0);
        if early > 0 {
            return Ok(Some(format!("{service} waits with {early} events for their keys")));
        }
    }
    Ok(None)
}
