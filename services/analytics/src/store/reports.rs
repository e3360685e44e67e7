//! Reads of counters for reports.

use crate::domain::counting::{Count, Dimension};
use crate::domain::figures::{Counted, Figures};
use crate::domain::period::Period;
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};

/// The counters of a value in a period and in the time before it. Each bucket is looked up by the key, so that the other values of the
/// dimension cost nothing.
pub async fn load(
    tx: &mut Tx,
    dimension: Dimension,
    value: &str,
    period: Period,
) -> Result<Figures, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Timestamptz)]
        bucket: DateTime<Utc>,
        #[diesel(sql_type = Text)]
        event_type: String,
        #[diesel(sql_type = Text)]
        currency: String,
        #[diesel(sql_type = BigInt)]
        events: i64,
        #[diesel(sql_type = BigInt)]
        units: i64,
        #[diesel(sql_type = BigInt)]
        amount_minor: i64,
    }
    let rows: Vec<Row> = statement(
        "select c.bucket, event_type, currency, events, units, amount_minor
         from unnest($3) as wanted (bucket)
         join counters c on c.dimension = $1 and c.grain = $2 and c.bucket = wanted.bucket and c.value = $4
         order by c.bucket, event_type, currency",
    )
    .bind::<Text, _>(dimension.name())
    .bind::<Text, _>(period.grain.name())
    .bind::<Array<Timestamptz>, _>(period.all_buckets())
    .bind::<Text, _>(value.to_owned())
    .get_results(tx.conn())
    .await?;
    let counted = |row: Row| Counted {
        bucket: row.bucket,
        event_type: row.event_type,
        currency: row.currency,
        count: Count { events: row.events, units: row.units, amount: row.amount_minor },
    };
    Ok(Figures::new(period, rows.into_iter().map(counted).collect()))
}

/// By what a list of values is ordered, the largest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// Events of the period.
    Events,
    /// How many more those are than the ones before.
    Growth,
    /// Pieces of the period.
    Units,
}

impl Score {
    fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Growth => "growth",
            Self::Units => "units",
        }
    }
}

/// Which values are listed.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Of which dimension.
    pub dimension: Dimension,
    /// When.
    pub period: Period,
    /// Of which type of events only; none: of all.
    pub event_type: Option<&'static str>,
    /// Their order.
    pub score: Score,
    /// Score and value after which the list begins.
    pub after: Option<(i64, String)>,
}

/// A value of a list.
#[derive(Debug, Clone, QueryableByName)]
pub struct Ranked {
    /// Product, term or path.
    #[diesel(sql_type = Text)]
    pub value: String,
    /// Events of the period.
    #[diesel(sql_type = BigInt)]
    pub events: i64,
    /// Those before.
    #[diesel(sql_type = BigInt)]
    pub events_before: i64,
    /// Pieces of the period.
    #[diesel(sql_type = BigInt)]
    pub units: i64,
    /// Those before.
    #[diesel(sql_type = BigInt)]
    pub units_before: i64,
    /// What it is ordered by.
    #[diesel(sql_type = BigInt)]
    pub score: i64,
}

/// The values of which there were events in the period, the largest score first.
pub async fn rank(tx: &mut Tx, wanted: &Ranking, limit: i64) -> Result<Vec<Ranked>, Fault> {
    let (score, value) = wanted.after.clone().unzip();
    // Products have counters of all types together: to add those of each type would count twice.
    let is_of_totals = wanted.dimension == Dimension::Product && wanted.event_type.is_none();
    // As a constant, so that the index of totals is used however the statement is planned.
    let totals = if is_of_totals { "and event_type = 'any'" } else { "" };
    Ok(statement(format!(
        "select * from (
             select value, events, events_before, units, units_before,
                    case $6 when 'growth' then events - events_before when 'units' then units else events end as score
             from (
                 select value,
                        coalesce(sum(events) filter (where bucket >= $4), 0)::bigint as events,
                        coalesce(sum(events) filter (where bucket < $4), 0)::bigint as events_before,
                        coalesce(sum(units) filter (where bucket >= $4), 0)::bigint as units,
                        coalesce(sum(units) filter (where bucket < $4), 0)::bigint as units_before
                 from counters
                 where dimension = $1 and grain = $2 and bucket >= $3 and bucket < $5
                   and ($7::text is null or event_type = $7) {totals}
                 group by value
             ) sums where events > 0
         ) scored
         where $8::bigint is null or score < $8 or (score = $8 and value > $9)
         order by score desc, value limit $10",
    ))
    .bind::<Text, _>(wanted.dimension.name())
    .bind::<Text, _>(wanted.period.grain.name())
    .bind::<Timestamptz, _>(wanted.period.before())
    .bind::<Timestamptz, _>(wanted.period.from)
    .bind::<Timestamptz, _>(wanted.period.until)
    .bind::<Text, _>(wanted.score.name())
    .bind::<Nullable<Text>, _>(wanted.event_type)
    .bind::<Nullable<BigInt>, _>(score)
    .bind::<Nullable<Text>, _>(value)
    .bind::<BigInt, _>(limit)
    .get_results(tx.conn())
    .await?)
}
