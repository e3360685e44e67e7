//! The transactional outbox: events are written in the transaction of the change that they report, and a relay publishes them.

mod amounts;
pub mod refused;
mod republish;

use crate::{Tx, statement};
use contracts::Fact;
use diesel::sql_types::{Array, BigInt, Binary, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault, context, point};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

pub use republish::{Events, Page, Place, republish};

/// Maximum size of an event's payload; the limits of the broker's streams are derived from it.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

/// Appends events in the given order. The caller must already hold the row locks of their aggregates, so that the order of the outbox
/// is the order of versions.
pub async fn append(tx: &mut Tx, facts: impl IntoIterator<Item = Fact>) -> Result<(), Fault> {
    let facts: Vec<Fact> = facts.into_iter().collect();
    if facts.is_empty() {
        return Ok(());
    }
    for fact in &facts {
        check(fact)?;
        amounts::check(fact)?;
    }
    point::reached("outbox.append").await?;
    let headers = headers();
    let heads = newest(&facts);
    let mut rows = Rows::default();
    for fact in &facts {
        rows.ids.push(Uuid::now_v7());
        rows.subjects.push(fact.subject);
        rows.messages.push(fact.message);
        rows.keys.push(&fact.key);
        rows.versions.push(fact.version);
        rows.payloads.push(&fact.payload);
    }
    statement(
        "with published as (
           insert into outbox (id, subject, message, key, version, payload, headers)
           select id, subject, message, key, version, payload, $7
           from unnest($1, $2, $3, $4, $5, $6) with ordinality
                as fact (id, subject, message, key, version, payload, position)
           order by position)
         insert into aggregate_heads as head (family, key, subject, version, digest)
         select * from unnest($8, $9, $10, $11, $12)
         on conflict (family, key) do update
         set subject = excluded.subject, version = excluded.version, digest = excluded.digest
         where head.version <= excluded.version",
    )
    .bind::<Array<SqlUuid>, _>(rows.ids)
    .bind::<Array<Text>, _>(rows.subjects)
    .bind::<Array<Text>, _>(rows.messages)
    .bind::<Array<Text>, _>(rows.keys)
    .bind::<Array<BigInt>, _>(rows.versions)
    .bind::<Array<Binary>, _>(rows.payloads)
    .bind::<Jsonb, _>(headers)
    .bind::<Array<Text>, _>(heads.iter().map(|fact| fact.family).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(heads.iter().map(|fact| &*fact.key).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(heads.iter().map(|fact| fact.subject).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(heads.iter().map(|fact| fact.version).collect::<Vec<_>>())
    .bind::<Array<Nullable<Binary>>, _>(heads.iter().map(|fact| fact.digest).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    tx.has_new_events(facts);
    point::reached("outbox.appended").await
}

/// The newest event of each aggregate, ordered by key: all transactions then lock heads in the same order and cannot deadlock.
fn newest(facts: &[Fact]) -> Vec<&Fact> {
    let mut heads: BTreeMap<(&str, &str), &Fact> = BTreeMap::new();
    for fact in facts {
        let head = heads.entry((fact.family, &fact.key)).or_insert(fact);
        if head.version <= fact.version {
            *head = fact;
        }
    }
    heads.into_values().collect()
}

#[derive(Default)]
struct Rows<'f> {
    ids: Vec<Uuid>,
    subjects: Vec<&'static str>,
    messages: Vec<&'static str>,
    keys: Vec<&'f str>,
    versions: Vec<i64>,
    payloads: Vec<&'f [u8]>,
}

fn check(fact: &Fact) -> Result<(), Fault> {
    if !fact.violations.is_empty() {
        let summary = fact.violations.summary();
        return Err(Fault::internal(format!(
            "{} of {} breaks the contract: {summary}",
            fact.message, fact.key
        )));
    }
    if fact.payload.len() > MAX_EVENT_BYTES {
        return Err(Fault::new(
            Common::EventTooLarge,
            format!(
                "the change makes an event of {} bytes, more than {MAX_EVENT_BYTES}; \
                 make the aggregate smaller",
                fact.payload.len()
            ),
        ));
    }
    Ok(())
}

fn headers() -> Value {
    let context = context::current();
    let mut headers = Map::new();
    headers.insert("correlation-id".into(), context.correlation_id.clone().into());
    if let Some(cause) = &context.causation_id {
        headers.insert("causation-id".into(), cause.clone().into());
    }
    if let Some(trace) = &context.traceparent {
        headers.insert("traceparent".into(), trace.clone().into());
    }
    Value::Object(headers)
}
