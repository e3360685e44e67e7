//! One transaction of a writer.

use crate::event::{Mark, updated};
use crate::history::{Entry, Recorder, Version, now};
use anyhow::Result;
use contracts::Fact;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault};
use pg::{Db, Tx, outbox};
use std::time::Duration;

/// One transaction: versions that are raised, with their events.
#[derive(Clone)]
pub(super) struct Change {
    pub writer: String,
    pub events: Vec<(String, Option<Mark>)>,
    /// Bytes that each event has more than it needs.
    pub padding: usize,
    /// How long it stays open.
    pub open: Duration,
    pub rolled_back: bool,
}

/// The outcome of the transaction.
pub(super) enum Outcome {
    Committed(u64),
    RolledBack,
    Unknown,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Raised {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

/// How many events a writer has committed; waits until the database is available.
pub(super) async fn written(db: &Db, writer: &str) -> u64 {
    loop {
        let answer = db
            .read("write.written", async move |tx| {
                let sum =
                    "select coalesce(sum(written), 0)::bigint as number from written where writer = $1";
                let sum: Number =
                    sql_query(sum).bind::<Text, _>(writer).get_result(tx.conn()).await?;
                Ok(sum.number)
            })
            .await;
        match answer {
            Ok(number) => return number.unsigned_abs(),
            Err(_) => pause().await,
        }
    }
}

impl Change {
    /// The process of the writer.
    fn who(&self) -> &str {
        self.writer.split_once('/').map_or(&self.writer, |(who, _)| who)
    }

    /// Does it, and records the outcome.
    pub async fn commit(&self, db: &Db, recorder: &Recorder) -> Result<Outcome> {
        let written = db.write("write.change", async move |tx| self.write(tx).await).await;
        match written {
            Ok(events) => {
                let count = u64::try_from(events.len())?;
                recorder.add(&Entry::Committed {
                    who: self.who().to_owned(),
                    events,
                    at: now(),
                })?;
                Ok(Outcome::Committed(count))
            }
            Err(_) if self.rolled_back => Ok(Outcome::RolledBack),
            Err(fault) => {
                let (who, why) = (self.writer.clone(), fault.chain());
                recorder.add(&Entry::Unsure { who, why, at: now() })?;
                pause().await;
                Ok(Outcome::Unknown)
            }
        }
    }

    async fn write(&self, tx: &mut Tx) -> Result<Vec<Version>, Fault> {
        let keys: Vec<&str> = self.events.iter().map(|(key, _)| key.as_str()).collect();
        // Locks the rows of the aggregates: their order is that of the outbox.
        let raised: Vec<Raised> = sql_query(
            "insert into aggregates as had (key, version)
             select key, 1 from unnest($1) as raised (key) order by key
             on conflict (key) do update set version = had.version + 1
             returning key, version",
        )
        .bind::<Array<Text>, _>(keys)
        .get_results(tx.conn())
        .await?;
        let mark = |key: &str| self.events.iter().find(|(marked, _)| marked == key)?.1;
        let fact = |row: &Raised| {
            Fact::from(&updated(&row.key, row.version, mark(&row.key), self.padding))
        };
        let facts: Vec<Fact> = raised.iter().map(fact).collect();
        outbox::append(tx, facts).await?;
        sql_query(
            "insert into written as had (writer, written) values ($1, $2)
             on conflict (writer) do update set written = had.written + excluded.written",
        )
        .bind::<Text, _>(&self.writer)
        .bind::<BigInt, _>(i64::try_from(raised.len()).unwrap_or_default())
        .execute(tx.conn())
        .await?;
        tokio::time::sleep(self.open).await;
        if self.rolled_back {
            return Err(Fault::new(Common::InvalidField, "this change is taken back"));
        }
        Ok(raised.into_iter().map(|row| Version { key: row.key, version: row.version }).collect())
    }
}

/// After a failure.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}
