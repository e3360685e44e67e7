//! One effect for each event: the event's id is claimed in the transaction of the effect.

use crate::Tx;
use diesel::sql_query;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use uuid::Uuid;

/// Claims an event for a consumer; false: its effect is committed already, there is nothing to do. A concurrent claim of
/// the same event waits for the first one's end.
pub async fn claim(
    tx: &mut Tx,
    consumer: &str,
    event_id: Uuid,
    subject: &str,
) -> Result<bool, Fault> {
    let claimed = sql_query(
        "insert into inbox (consumer, event_id, subject) values ($1, $2, $3)
         on conflict do nothing",
    )
    .bind::<Text, _>(consumer)
    .bind::<SqlUuid, _>(event_id)
    .bind::<Text, _>(subject)
    .execute(tx.conn())
    .await?;
    Ok(claimed == 1)
}
