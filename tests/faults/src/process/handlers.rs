//! The handlers: effects that are not idempotent, so that a doubled one shows, and writes that check no version, so that one
//! out of order shows. Only the library prevents both.

use crate::event::{Mark, mark};
use bus::{Outcome, Received};
use contracts::Event;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault};
use pg::Tx;
use pricing_api::v1::{PriceDeleted, PriceUpdated};

/// What the handlers need.
pub struct App {
    /// Whether they are repaired.
    pub mended: bool,
}

/// Adds one to the count of its key, and does as the event's mark says. It writes before it fails, so that a missing rollback
/// shows.
pub async fn count_update(
    app: &App,
    tx: &mut Tx,
    event: Received<PriceUpdated>,
) -> Result<Outcome, Fault> {
    let mark = mark(&event).filter(|_| !app.mended);
    if mark == Some(Mark::Early) && !is_known(tx, event.key()).await? {
        return Ok(Outcome::early(event.key()));
    }
    count(tx, event.key()).await?;
    match mark {
        Some(Mark::Bad) => Err(Fault::new(Common::InvalidField, "this event is bad")),
        Some(Mark::Broken) => Err(Fault::internal("the handler has a bug")),
        Some(Mark::Away) => Err(Fault::unavailable("what the handler needs", "it is never there")),
        Some(Mark::Kills) => std::process::abort(),
        Some(Mark::Early | Mark::Unreadable) | None => Ok(Outcome::Done),
    }
}

/// Adds one too, and is what early events of its key wait for.
pub async fn count_deletion(
    _: &App,
    tx: &mut Tx,
    event: Received<PriceDeleted>,
) -> Result<Outcome, Fault> {
    sql_query("insert into known (key) values ($1) on conflict do nothing")
        .bind::<Text, _>(event.key())
        .execute(tx.conn())
        .await?;
    count(tx, event.key()).await?;
    event.apply_early(tx, event.key()).await?;
    Ok(Outcome::Done)
}

async fn count(tx: &mut Tx, key: &str) -> Result<(), Fault> {
    sql_query(
        "insert into tally as had (key, count) values ($1, 1)
         on conflict (key) do update set count = had.count + 1",
    )
    .bind::<Text, _>(key)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn is_known(tx: &mut Tx, key: &str) -> Result<bool, Fault> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Bool)]
        known: bool,
    }
    let answer: Answer = sql_query("select exists (select from known where key = $1) as known")
        .bind::<Text, _>(key)
        .get_result(tx.conn())
        .await?;
    Ok(answer.known)
}

/// Keeps the version of a key.
pub async fn project_update(
    _: &App,
    tx: &mut Tx,
    event: Received<PriceUpdated>,
) -> Result<Outcome, Fault> {
    project(tx, event.key(), event.version()).await
}

/// Keeps the version of a deleted key.
pub async fn project_deletion(
    _: &App,
    tx: &mut Tx,
    event: Received<PriceDeleted>,
) -> Result<Outcome, Fault> {
    project(tx, event.key(), event.version()).await
}

/// Writes the version whatever is there, and counts how often it went back.
async fn project(tx: &mut Tx, key: &str, version: i64) -> Result<Outcome, Fault> {
    sql_query(
        "insert into projection as had (key, version) values ($1, $2)
         on conflict (key) do update
         set back = had.back + (excluded.version < had.version)::int, version = excluded.version",
    )
    .bind::<Text, _>(key)
    .bind::<BigInt, _>(version)
    .execute(tx.conn())
    .await?;
    Ok(Outcome::Done)
}
