//! What was counted and is not in the counters yet: a row for each transaction that counted.

use crate::domain::counting::{ANY, Count, Counters, Dimension, Grain, Key, currency};
use crate::domain::types::Kind;
use analytics_api::v1::EventType;
use chrono::{DateTime, NaiveDate};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Bool};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};
use prost::Message;

/// A row. Rows of older releases are read too, so fields are only ever added.
#[derive(Clone, PartialEq, Message)]
struct Counts {
    #[prost(message, repeated, tag = "1")]
    buckets: Vec<Bucket>,
}

#[derive(Clone, PartialEq, Message)]
struct Bucket {
    #[prost(string, tag = "1")]
    dimension: String,
    #[prost(string, tag = "2")]
    grain: String,
    /// Seconds since 1970.
    #[prost(int64, tag = "3")]
    begins_at: i64,
    #[prost(message, repeated, tag = "4")]
    counts: Vec<Counted>,
}

#[derive(Clone, PartialEq, Message)]
struct Counted {
    #[prost(string, tag = "1")]
    value: String,
    /// Number in the contract; 0: any.
    #[prost(int32, tag = "2")]
    event_type: i32,
    #[prost(string, tag = "3")]
    currency: String,
    #[prost(sint64, tag = "4")]
    events: i64,
    #[prost(sint64, tag = "5")]
    units: i64,
    #[prost(sint64, tag = "6")]
    amount: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
}

/// Notes what is to be added to counters.
pub async fn keep(tx: &mut Tx, counters: &Counters) -> Result<(), Fault> {
    if counters.0.is_empty() {
        return Ok(());
    }
    statement("insert into new_counts (body) values ($1)")
        .bind::<Binary, _>(written(counters).encode_to_vec())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether this transaction alone takes rows; another one that does is not waited for.
pub async fn lock(tx: &mut Tx) -> Result<bool, Fault> {
    #[derive(QueryableByName)]
    struct Locked {
        #[diesel(sql_type = Bool)]
        locked: bool,
    }
    let row: Locked =
        statement("select pg_try_advisory_xact_lock(hashtext('analytics.new_counts')) as locked")
            .get_result(tx.conn())
            .await?;
    Ok(row.locked)
}

/// Removes the oldest rows, so many at most; returns how many and what they add together.
pub async fn take(tx: &mut Tx, limit: usize) -> Result<(usize, Counters), Fault> {
    let rows: Vec<Row> = statement(
        "delete from new_counts where id = any (array(select id from new_counts order by id limit $1)) returning body",
    )
    .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
    .get_results(tx.conn())
    .await?;
    let mut all = Counters::default();
    for row in &rows {
        read(&row.body, |key, count| all.add(key, count))?;
    }
    Ok((rows.len(), all))
}

/// What the counters of a day still lack.
pub async fn of_day(tx: &mut Tx, day: NaiveDate) -> Result<Counters, Fault> {
    let rows: Vec<Row> = statement("select body from new_counts").get_results(tx.conn()).await?;
    let mut all = Counters::default();
    for row in &rows {
        read(&row.body, |key, count| {
            if key.bucket.date_naive() == day {
                all.add(key, count);
            }
        })?;
    }
    Ok(all)
}

fn written(counters: &Counters) -> Counts {
    let mut buckets: Vec<Bucket> = Vec::new();
    let mut last = None;
    for (key, count) in &counters.0 {
        let of = (key.dimension, key.grain, key.bucket);
        if last != Some(of) {
            last = Some(of);
            buckets.push(Bucket {
                dimension: key.dimension.name().to_owned(),
                grain: key.grain.name().to_owned(),
                begins_at: key.bucket.timestamp(),
                counts: Vec::new(),
            });
        }
        if let Some(bucket) = buckets.last_mut() {
            bucket.counts.push(Counted {
                value: key.value.clone(),
                event_type: Kind::named(key.event_type).map_or(0, |kind| kind.event_type.into()),
                currency: key.currency.to_owned(),
                events: count.events,
                units: count.units,
                amount: count.amount,
            });
        }
    }
    Counts { buckets }
}

fn read(body: &[u8], mut add: impl FnMut(Key, Count)) -> Result<(), Fault> {
    let unknown = |what: &str| Fault::internal(format!("a new count has an unknown {what}"));
    let counts = Counts::decode(body).map_err(Fault::internal)?;
    for bucket in counts.buckets {
        let dimension = Dimension::named(&bucket.dimension).ok_or_else(|| unknown("dimension"))?;
        let grain = Grain::named(&bucket.grain).ok_or_else(|| unknown("grain"))?;
        let begins = DateTime::from_timestamp(bucket.begins_at, 0);
        let begins = begins.ok_or_else(|| unknown("bucket"))?;
        for own in bucket.counts {
            let event_type = match EventType::try_from(own.event_type) {
                Ok(EventType::Unspecified) => Some(ANY),
                Ok(known) => Kind::of(known).map(|kind| kind.name),
                Err(_) => None,
            };
            let key = Key {
                dimension,
                grain,
                bucket: begins,
                value: own.value,
                event_type: event_type.ok_or_else(|| unknown("type"))?,
                currency: currency(&own.currency).ok_or_else(|| unknown("currency"))?,
            };
            add(key, Count { events: own.events, units: own.units, amount: own.amount });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        let mut counters = Counters::default();
        let at = Grain::Minute.bucket(Utc::now());
        for (number, dimension) in (1..).zip(Dimension::ALL) {
            for (grain, event_type) in [(Grain::Day, ANY), (Grain::Minute, "purchase")] {
                for (value, currency) in [("", "USD"), ("lamp", "")] {
                    let (bucket, value) = (grain.bucket(at), value.to_owned());
                    let key = Key { dimension, grain, bucket, value, event_type, currency };
                    counters.add(key, Count { events: number, units: -number, amount: 7 });
                }
            }
        }
        let mut kept = Counters::default();
        read(&written(&counters).encode_to_vec(), |key, count| kept.add(key, count)).unwrap();
        assert_eq!(kept, counters);
        let unknown = Bucket { dimension: "shop".into(), ..Bucket::default() };
        let unknown = Counts { buckets: vec![unknown] }.encode_to_vec();
        assert!(read(&unknown, |_, _| ()).is_err());
    }
}
