//! Publishing events again that the broker has lost. The rows are marked as not published, which is all that the relay looks
//! at. It does so in ascending `seq`, page by page, so what is handed over keeps its order. Only an event that is said
//! between two pages comes before older ones of its key, which consumers stand: they write by version, and know by their
//! inbox what they have handled.

use crate::{Tx, statement};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use fault::{Fault, point};

/// Most rows that one page marks: small enough that nobody waits for its locks.
const MOST: i64 = 5_000;

/// Most rows that one page looks at, so that a page of few matches ends in time too.
const LOOKED_AT: i64 = 50_000;

/// Which events to publish again; everything absent means any.
#[derive(Debug, Clone, Default)]
pub struct Events {
    /// Made at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Made before this instant.
    pub to: Option<DateTime<Utc>>,
    /// Key, exactly.
    pub key: Option<String>,
    /// How the subject begins.
    pub subject: Option<String>,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The row after which it begins.
    pub after: i64,
    /// How often the broker had been found to have lost something when the first page was done.
    pub losses: i64,
}

/// What one page did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Rows that it marked, or for a dry run would have marked.
    pub events: i64,
    /// When the oldest of them was made.
    pub oldest: Option<DateTime<Utc>>,
    /// When the youngest of them was made.
    pub newest: Option<DateTime<Utc>>,
    /// Where the next page begins; none where all rows were looked at.
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

/// Has a page of published events published again; `begin` is none for the first page, and `dry_run` only counts.
///
/// Rows that were made more than 14 days ago are left out: such an event would outlive the claims that say who has handled
/// it. A row that is not published yet needs nothing, so it does no harm that the relay is at work. The last page of a run
/// over everything that the broker held clears what is remembered of the loss.
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
            make_good(tx, events, losses).await?;
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
    .bind::<BigInt, _>(LOOKED_AT)
    .bind::<Nullable<Timestamptz>, _>(events.from)
    .bind::<Nullable<Timestamptz>, _>(events.to)
    .bind::<Nullable<Text>, _>(events.key.as_deref())
    .bind::<Nullable<Text>, _>(events.subject.as_deref())
    .bind::<BigInt, _>(MOST)
    .bind::<Bool, _>(dry_run)
    .get_result(tx.conn())
    .await?;
    Ok(marked)
}

/// Forgets the loss, unless something was left out that the broker held then: a row outside of the range of time that was
/// published in the 7 days before, for so long the stream keeps it. A loss that was noticed after the first page may have
/// taken what that page published, so it stays.
async fn make_good(tx: &mut Tx, events: &Events, losses: i64) -> Result<(), Fault> {
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
