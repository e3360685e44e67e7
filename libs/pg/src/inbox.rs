//! Deduplication of events: a consumer claims the id of an event in the transaction that applies it, so each event is applied once.

use crate::schema::inbox;
use crate::{Tx, statement};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Fault, point};
use uuid::Uuid;

/// Whether an event is claimed: it was applied, or it is stored as an early event.
pub async fn claimed(tx: &mut Tx, consumer: &str, event_id: Uuid) -> Result<bool, Fault> {
    let claim = inbox::table.find((consumer, event_id));
    Ok(diesel::select(exists(claim)).get_result(tx.conn()).await?)
}

/// Claims an event for a consumer. False means that it was claimed before and must be skipped. Of two concurrent claims the second
/// waits until the transaction of the first ends.
pub async fn claim(
    tx: &mut Tx,
    consumer: &str,
    event_id: Uuid,
    subject: &str,
) -> Result<bool, Fault> {
    let claimed = statement(
        "insert into inbox (consumer, event_id, subject) values ($1, $2, $3)
         on conflict do nothing",
    )
    .bind::<Text, _>(consumer)
    .bind::<SqlUuid, _>(event_id)
    .bind::<Text, _>(subject)
    .execute(tx.conn())
    .await?;
    Ok(claimed == 1 || point::off("inbox"))
}
