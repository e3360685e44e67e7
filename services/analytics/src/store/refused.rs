//! Events that were refused.

use analytics_api::v1::{RefusedEvent, TrackedEvent};
use chrono::{DateTime, Utc};
use convert::timestamp;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::digest::sha256;
use pg::{Tx, statement};
use prost::Message;
use std::collections::BTreeMap;

/// A larger event is not kept, only why it was refused.
const MAX_BODY: usize = 8 * 1024;

/// Keeps events that were refused, with why; one that is there already is counted. Paths are those within the event.
pub async fn keep(
    tx: &mut Tx,
    refused: &[(&TrackedEvent, &Fault)],
    sender: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    // In the order of their digests, so that two writers do not wait for each other; one event twice in a call is one row.
    let mut rows: BTreeMap<Vec<u8>, (Vec<u8>, &Fault, i64)> = BTreeMap::new();
    for (event, fault) in refused {
        let body = event.encode_to_vec();
        let mut named = body.clone();
        named.extend_from_slice(fault.reason().as_bytes());
        rows.entry(sha256(&named).to_vec()).or_insert((body, fault, 0)).2 += 1;
    }
    if rows.is_empty() {
        return Ok(());
    }
    let body = |body: &Vec<u8>| Some(body.clone()).filter(|body| body.len() <= MAX_BODY);
    statement(
        "insert into refused_events as own (digest, sender, reason, message, fields, body, times, first_at, last_at)
         select digest, $7, reason, message, string_to_array(fields, E'\\n'), body, times, $8, $8
         from unnest($1, $2, $3, $4, $5, $6) as sent (digest, reason, message, fields, body, times)
         on conflict (digest) do update set times = own.times + excluded.times, last_at = excluded.last_at",
    )
    .bind::<Array<Binary>, _>(rows.keys().cloned().collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.values().map(|row| row.1.reason().to_owned()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.values().map(|row| row.1.message().to_owned()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.values().map(|row| paths(row.1).join("\n")).collect::<Vec<_>>())
    .bind::<Array<Nullable<Binary>>, _>(rows.values().map(|row| body(&row.0)).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(rows.values().map(|row| row.2).collect::<Vec<_>>())
    .bind::<Text, _>(sender.to_owned())
    .bind::<Timestamptz, _>(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Paths of the wrong fields.
pub fn paths(fault: &Fault) -> Vec<String> {
    fault.violations().iter().map(|found| found.field.clone()).collect()
}

/// The first refused events above a number, with their numbers.
pub async fn list(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<(i64, RefusedEvent)>, Fault> {
    let rows: Vec<Row> = statement(
        "select id, sender, reason, message, fields, body, times, first_at, last_at
         from refused_events where id > $1 order by id limit $2",
    )
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .get_results(tx.conn())
    .await?;
    rows.into_iter().map(|row| Ok((row.id, row.message()?))).collect()
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    sender: String,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Text)]
    message: String,
    #[diesel(sql_type = Array<Text>)]
    fields: Vec<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    body: Option<Vec<u8>>,
    #[diesel(sql_type = BigInt)]
    times: i64,
    #[diesel(sql_type = Timestamptz)]
    first_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    last_at: DateTime<Utc>,
}

impl Row {
    fn message(self) -> Result<RefusedEvent, Fault> {
        let event = self.body.map(|body| TrackedEvent::decode(body.as_slice())).transpose();
        Ok(RefusedEvent {
            event: event.map_err(Fault::internal)?,
            reason: self.reason,
            message: self.message,
            fields: self.fields,
            sender: self.sender,
            times: self.times,
            first_at: Some(timestamp(self.first_at)),
            last_at: Some(timestamp(self.last_at)),
        })
    }
}
