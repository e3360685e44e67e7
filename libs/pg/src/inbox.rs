//! One effect for each event: the event's id is claimed in the transaction of the effect.

use crate::schema::inbox;
use crate::{Tx, statement};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Fault, point};
use uuid::Uuid;

/// Whether an event is claimed, which says that its effect is committed or that it is kept.
pub async fn claimed(tx: &mut Tx, consumer: &str, event_id: Uuid) -> Result<bool, Fault> {
    let claim = inbox::table.find((consumer, event_id));
    Ok(diesel::select(exists(claim)).get_result(tx.conn()).await?)
}

/// Claims an event for a consumer; false: its effect is committed already, or it is kept, and there is nothing to do. A
/// concurrent claim of the same event waits for the first one's end.
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
