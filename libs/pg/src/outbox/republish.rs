//! Republishing events that the broker has lost: their rows are marked as unpublished, and the relay publishes them again. Pages are
//! marked in ascending `seq`, so events keep their order. The one exception is a new event that is published between two pages: it
//! overtakes older events of its key. Consumers tolerate that, because they ignore older versions and events in their inbox.

use crate::{Tx, statement};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use fault::{Fault, point};

/// Maximum number of rows that one page marks, so that nobody waits long for their locks.
const MAX_ROWS: i64 = 5_000;

/// Maximum number of rows that one page scans, so that a page with few matches ends in time too.
const MAX_SCANNED: i64 = 50_000;

/// Selects events to republish; an absent condition matches all.
#[derive(Debug, Clone, Default)]
pub struct Events {
    /// Created at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Created before this instant.
    pub to: Option<DateTime<Utc>>,
    /// Key, exactly.
    pub key: Option<String>,
    /// Prefix of the subject.
    pub subject: Option<String>,
}

/// Start of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The page starts after this sequence number.
    pub after: i64,
    /// Number of losses that the relay had recorded when the first page was done.
    pub losses: i64,
}

/// Result of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Number of rows that were marked; for a dry run, that would be.
    pub events: i64,
    /// When the oldest of them was created.
    pub oldest: Option<DateTime<Utc>>,
    /// When the newest of them was created.
    pub newest: Option<DateTime<Utc>>,
    /// Start of the next page; none if there are no more rows.
    pub next: Option<Place>,
}

#[derive(QueryableByName)]
struct Marked {
    #[diesel(sql_type = BigInt)]
    events: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    oldest: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    newest: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<BigInt>)]
    next: Option<i64>,
    #[diesel(sql_type = BigInt)]
    losses: i64,
}

/// Marks a page of published events as unpublished; `begin` is none for the first page, and `dry_run` only counts.
///
/// Rows older than 14 days are skipped: a consumer could receive such an event after its inbox entry was deleted, and apply it
/// twice (see [`crate::sweep`]). Rows that are not published yet need no mark, so the relay can run at the same time. The last page
/// of a run that covered everything the broker held clears the recorded loss.
pub async fn republish(
    tx: &mut Tx,
    events: &Events,
    begin: Option<Place>,
    dry_run: bool,
) -> Result<Page, Fault> {
    let marked = mark(tx, events, begin.map_or(0, |place| place.after), dry_run).await?;
    point::reached("outbox.republish").await?;
    let losses = begin.map_or(marked.losses, |place| place.losses);
    if !dry_run {
        if marked.events > 0 {
            tx.has_events();
        }
        if marked.next.is_none() && events.key.is_none() && events.subject.is_none() {
            clear_loss(tx, events, losses).await?;
            point::reached("outbox.made_good").await?;
        }
    }
    Ok(Page {
        events: marked.events,
        oldest: marked.oldest,
        newest: marked.newest,
        next: marked.next.map(|after| Place { after, losses }),
    })
}

async fn mark(tx: &mut Tx, events: &Events, after: i64, dry_run: bool) -> Result<Marked, Fault> {
    let marked = statement(
        "with looked as materialized (
           select seq, created_at, key, subject, published_at is not null as published
           from outbox where seq > $1 order by seq limit $2),
         page as materialized (
           select seq, created_at from looked
           where published and created_at >= clock_timestamp() - interval '14 days'
             and ($3 is null or created_at >= $3) and ($4 is null or created_at < $4)
             and ($5 is null or key = $5) and ($6 is null or starts_with(subject, $6))
           order by seq limit $7),
         marked as (
           update outbox set published_at = null, published_seq = null
           from page
           where outbox.seq = page.seq and outbox.published_at is not null and not $8)
         select count(*) as events, min(created_at) as oldest, max(created_at) as newest,
                case when count(*) = $7 then max(seq)
                     when (select count(*) from looked) = $2 then (select max(seq) from looked)
                end as next,
                (select coalesce(sum(losses), 0)::bigint from relay_state) as losses
         from page",
    )
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(MAX_SCANNED)
    .bind::<Nullable<Timestamptz>, _>(events.from)
    .bind::<Nullable<Timestamptz>, _>(events.to)
    .bind::<Nullable<Text>, _>(events.key.as_deref())
    .bind::<Nullable<Text>, _>(events.subject.as_deref())
    .bind::<BigInt, _>(MAX_ROWS)
    .bind::<Bool, _>(dry_run)
    .get_result(tx.conn())
    .await?;
    Ok(marked)
}

/// Clears the recorded loss, unless the run left out an event that the broker held when it lost data: one outside the time range that
/// was published in the 7 days before the loss, which is the retention of the streams. A loss that was recorded after the first page
/// may include events of that page, so it is not cleared.
async fn clear_loss(tx: &mut Tx, events: &Events, losses: i64) -> Result<(), Fault> {
    statement(
        "update relay_state set lost_at = null, lost_how = null
         where lost_at is not null and losses = $3 and not exists (
           select 1 from outbox
           where published_at between lost_at - interval '7 days' and lost_at
             and (created_at < $1 or created_at >= $2))",
    )
    .bind::<Nullable<Timestamptz>, _>(events.from)
    .bind::<Nullable<Timestamptz>, _>(events.to)
    .bind::<BigInt, _>(losses)
    .execute(tx.conn())
    .await?;
    Ok(())
}
