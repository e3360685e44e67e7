//! Baselines: what the servers can do by themselves.

use super::fixture::Fixture;
use super::shop;
use super::size::Size;
use crate::latency::Latencies;
use anyhow::{Context, Result, ensure};
use async_nats::HeaderMap;
use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE, NATS_MESSAGE_ID,
};
use bus::{Bus, Envelope, Tuning, streams};
use bytes::Bytes;
use contracts::Event;
use pg::Db;
use pricing_api::v1::PriceUpdated;
use prost::Message;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// Subject of a service that publishes nothing else.
const SUBJECT: &str = "baseline.price.updated";

/// Messages of one atomic batch.
const BATCH: usize = 200;

/// Messages a second in atomic batches, with nothing but their ids or with the headers of an event.
pub async fn publish(bus: &Bus, size: Size, headers: bool) -> Result<f64> {
    streams::ensure_events(bus, "baseline").await?;
    let messages = messages(size, headers)?;
    let begun = Instant::now();
    for batch in messages.chunks(BATCH) {
        publish_batch(bus, batch).await?;
    }
    Ok(rate(messages.len(), begun.elapsed()))
}

/// With new ids, so that the broker deduplicates none.
fn messages(size: Size, headers: bool) -> Result<Vec<(HeaderMap, Bytes)>> {
    let message = |(key, version): (Uuid, i64)| {
        let id = Uuid::now_v7();
        let envelope = Envelope {
            id,
            subject: SUBJECT.to_owned(),
            message: PriceUpdated::TYPE.to_owned(),
            source: "/souk/baseline".to_owned(),
            key: key.to_string(),
            version,
            at: chrono::Utc::now(),
            traceparent: None,
            correlation_id: Some(id.to_string()),
            causation_id: None,
        };
        let mut map = if headers { envelope.headers() } else { HeaderMap::new() };
        map.insert(NATS_MESSAGE_ID, id.to_string());
        Ok((map, shop::event(key, version)?.encode_to_vec().into()))
    };
    shop::changes(size).into_iter().map(message).collect()
}

async fn publish_batch(bus: &Bus, batch: &[(HeaderMap, Bytes)]) -> Result<()> {
    let id = Uuid::now_v7().to_string();
    for (index, (headers, payload)) in batch.iter().enumerate() {
        let mut headers = headers.clone();
        headers.insert(NATS_BATCH_ID, id.as_str());
        headers.insert(NATS_BATCH_SEQUENCE, (index + 1).to_string());
        if index + 1 < batch.len() {
            bus.client().publish_with_headers(SUBJECT, headers, payload.clone()).await?;
            continue;
        }
        headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
        let js = bus.jetstream();
        let ack = js.publish_with_headers(SUBJECT, headers, payload.clone()).await?.await?;
        ensure!(ack.batch_size == Some(batch.len().try_into()?), "batch acknowledged as {ack:?}");
    }
    Ok(())
}

/// How long one message takes until it is acknowledged, at the steady rate.
pub async fn publish_latency(bus: &Bus, size: Size) -> Result<Latencies> {
    streams::ensure_events(bus, "baseline").await?;
    let payload: Bytes = shop::event(Uuid::nil(), 1)?.encode_to_vec().into();
    let mut latencies = Latencies::default();
    let mut tick = tokio::time::interval(Duration::from_secs(1) / u32::try_from(size.rate)?);
    for _ in 0..size.rate * size.seconds / 4 {
        tick.tick().await;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, Uuid::now_v7().to_string());
        let begun = Instant::now();
        let sent = bus.jetstream().publish_with_headers(SUBJECT, headers, payload.clone());
        sent.await?.await?;
        latencies.add(begun.elapsed());
    }
    Ok(latencies)
}

/// How long a row of an outbox takes until it is committed, at the steady rate.
pub async fn commit_latency(fixture: &Fixture, size: Size) -> Result<Latencies> {
    let client = connect(&fixture.pricing).await?;
    let insert = "
        insert into outbox (id, subject, message, key, version, payload, headers)
        values ($1::text::uuid, 'baseline.price.updated', 'x', $1, 1, $2, '{}')";
    let insert = client.prepare(insert).await?;
    let payload = shop::event(Uuid::nil(), 1)?.encode_to_vec();
    let mut latencies = Latencies::default();
    let mut tick = tokio::time::interval(Duration::from_secs(1) / u32::try_from(size.rate)?);
    for _ in 0..size.rate * size.seconds / 4 {
        tick.tick().await;
        let begun = Instant::now();
        client.execute(&insert, &[&Uuid::now_v7().to_string(), &payload]).await?;
        latencies.add(begun.elapsed());
    }
    Ok(latencies)
}

/// Events a second whose ids are claimed and whose rows are written, each with one statement for all of a transaction: as many
/// together, and as many transactions at once, as the consumers have.
pub async fn effects(fixture: &Fixture, size: Size) -> Result<f64> {
    let changes = shop::changes(size);
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    let Tuning { workers, batch, .. } = Tuning::default();
    for connection in 0..workers {
        let client = connect(&fixture.search).await?;
        // As for the consumers, all changes of one key go the same way.
        let own = |(id, _): &&(Uuid, i64)| id.as_u128() % workers as u128 == connection as u128;
        let own: Vec<(Uuid, i64)> = changes.iter().filter(own).copied().collect();
        tasks.spawn(async move { write_effects(client, &own, batch).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(rate(changes.len(), begun.elapsed()))
}

async fn write_effects(mut client: Client, changes: &[(Uuid, i64)], batch: usize) -> Result<()> {
    let claim = "
        insert into inbox (consumer, event_id, subject)
        select 'baseline', id::uuid, 'baseline.price.updated' from unnest($1::text[]) as id
        on conflict do nothing";
    let claim = client.prepare(claim).await?;
    let upsert = "
        insert into seen (key, version) select * from unnest($1::text[], $2::bigint[])
        on conflict (key) do update set version = excluded.version
        where seen.version < excluded.version";
    let upsert = client.prepare(upsert).await?;
    for some in changes.chunks(batch) {
        let ids: Vec<String> = some.iter().map(|_| Uuid::now_v7().to_string()).collect();
        // One statement cannot write a row twice; only a backlog of very few keys has a key twice in a transaction.
        let newest: BTreeMap<String, i64> =
            some.iter().map(|(id, version)| (id.to_string(), *version)).collect();
        let (keys, versions): (Vec<String>, Vec<i64>) = newest.into_iter().unzip();
        let tx = client.transaction().await?;
        tx.execute(&claim, &[&ids]).await?;
        tx.execute(&upsert, &[&keys, &versions]).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// A connection outside all pools.
async fn connect(db: &Db) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(db.url().expose_secret(), NoTls)
        .await
        .context("connect to PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}

/// How many a second.
pub fn rate(count: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64().max(0.001)
}
