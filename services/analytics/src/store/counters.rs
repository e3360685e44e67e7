//! The counters.

use crate::domain::counting::{ANY, Count, Counters, Dimension, Grain, Key, currency, start};
use crate::domain::types::Kind;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};

/// Adds to counters, in the order of their keys.
pub async fn add(tx: &mut Tx, counters: &Counters) -> Result<(), Fault> {
    if counters.0.is_empty() {
        return Ok(());
    }
    let (keys, counts): (Vec<&Key>, Vec<&Count>) = counters.0.iter().unzip();
    statement(
        "insert into counters as own (dimension, grain, bucket, value, event_type, currency, events, units, amount_minor)
         select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (dimension, grain, bucket, value, event_type, currency) do update
         set events = own.events + excluded.events, units = own.units + excluded.units,
             amount_minor = own.amount_minor + excluded.amount_minor",
    )
    .bind::<Array<Text>, _>(keys.iter().map(|key| key.dimension.name()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(keys.iter().map(|key| key.grain.name()).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(keys.iter().map(|key| key.bucket).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(keys.iter().map(|key| key.value.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(keys.iter().map(|key| key.event_type).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(keys.iter().map(|key| key.currency).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(counts.iter().map(|count| count.events).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(counts.iter().map(|count| count.units).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(counts.iter().map(|count| count.amount).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The counters of a day, of all grains.
pub async fn of_day(tx: &mut Tx, day: NaiveDate) -> Result<Counters, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        dimension: String,
        #[diesel(sql_type = Text)]
        grain: String,
        #[diesel(sql_type = Timestamptz)]
        bucket: DateTime<Utc>,
        #[diesel(sql_type = Text)]
        value: String,
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
        "select * from counters where dimension = any ($1) and grain = any ($2) and bucket >= $3 and bucket < $4",
    )
    .bind::<Array<Text>, _>(Dimension::ALL.map(Dimension::name).to_vec())
    .bind::<Array<Text>, _>(Grain::ALL.map(Grain::name).to_vec())
    .bind::<Timestamptz, _>(start(day))
    .bind::<Timestamptz, _>(start(day) + TimeDelta::days(1))
    .get_results(tx.conn())
    .await?;
    let unknown =
        |what: &str| Fault::internal(format!("a counter of {day} has the unknown {what}"));
    let mut counters = Counters::default();
    for row in rows {
        let event_type = match row.event_type.as_str() {
            ANY => Some(ANY),
            name => Kind::named(name).map(|kind| kind.name),
        };
        let key = Key {
            dimension: Dimension::named(&row.dimension).ok_or_else(|| unknown("dimension"))?,
            grain: Grain::named(&row.grain).ok_or_else(|| unknown("grain"))?,
            bucket: row.bucket,
            value: row.value,
            event_type: event_type.ok_or_else(|| unknown("type"))?,
            currency: currency(&row.currency).ok_or_else(|| unknown("currency"))?,
        };
        counters.add(key, Count { events: row.events, units: row.units, amount: row.amount_minor });
    }
    Ok(counters)
}
