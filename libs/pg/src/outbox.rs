//! Events, written in the transaction of the change that they report: committed together or not at all.

pub mod refused;
mod republish;

use crate::{Tx, statement};
use contracts::Fact;
use diesel::sql_types::{Array, BigInt, Binary, Jsonb, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault, context, point};
use serde_json::{Map, Value};
use uuid::Uuid;

pub use republish::{Events, Page, Place, republish};

/// Largest event: what consumers and the broker must be able to take at once.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

/// Appends facts in the given order. The rows of their aggregates must be locked already: that makes the order of the
/// outbox the order of versions.
pub async fn append(tx: &mut Tx, facts: impl IntoIterator<Item = Fact>) -> Result<(), Fault> {
    let facts: Vec<Fact> = facts.into_iter().collect();
    if facts.is_empty() {
        return Ok(());
    }
    for fact in &facts {
        check(fact)?;
    }
    point::reached("outbox.append").await?;
    let headers = headers();
    let mut rows = Rows::default();
    for fact in facts {
        rows.ids.push(Uuid::now_v7());
        rows.subjects.push(fact.subject);
        rows.messages.push(fact.message);
        rows.keys.push(fact.key);
        rows.versions.push(fact.version);
        rows.payloads.push(fact.payload);
    }
    statement(
        "insert into outbox (id, subject, message, key, version, payload, headers)
         select id, subject, message, key, version, payload, $7
         from unnest($1, $2, $3, $4, $5, $6) with ordinality
              as fact (id, subject, message, key, version, payload, position)
         order by position",
    )
    .bind::<Array<SqlUuid>, _>(rows.ids)
    .bind::<Array<Text>, _>(rows.subjects)
    .bind::<Array<Text>, _>(rows.messages)
    .bind::<Array<Text>, _>(rows.keys)
    .bind::<Array<BigInt>, _>(rows.versions)
    .bind::<Array<Binary>, _>(rows.payloads)
    .bind::<Jsonb, _>(headers)
    .execute(tx.conn())
    .await?;
    tx.has_events();
    point::reached("outbox.appended").await
}

#[derive(Default)]
struct Rows {
    ids: Vec<Uuid>,
    subjects: Vec<&'static str>,
    messages: Vec<&'static str>,
    keys: Vec<String>,
    versions: Vec<i64>,
    payloads: Vec<Vec<u8>>,
}

fn check(fact: &Fact) -> Result<(), Fault> {
    if !fact.violations.is_empty() {
        let summary = contracts::codec::summary(&fact.violations);
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
