//! The service that consumes: it records each event, and fails as its test wants.

use bus::{Outcome, Received};
use contracts::Event;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::Tx;
use pricing_api::v1::{PriceDeleted, PriceUpdated};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

type Script = dyn Fn(&str, u32) -> Result<Outcome, Fault> + Send + Sync;

/// What a handler needs.
pub struct App {
    script: Box<Script>,
    calls: Mutex<HashMap<String, u32>>,
}

impl App {
    /// Handles everything.
    pub fn new() -> Arc<Self> {
        Self::scripted(|_, _| Ok(Outcome::Done))
    }

    /// Returns what the script says, which is given the event's key and how often that was handled.
    pub fn scripted(
        script: impl Fn(&str, u32) -> Result<Outcome, Fault> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { script: Box::new(script), calls: Mutex::default() })
    }

    /// How often events of a key were handled.
    pub fn calls(&self, key: &str) -> u32 {
        self.calls.lock().unwrap().get(key).copied().unwrap_or_default()
    }

    pub fn outcome(&self, key: &str) -> Result<Outcome, Fault> {
        let call = {
            let mut calls = self.calls.lock().unwrap();
            let call = calls.entry(key.to_owned()).or_default();
            *call += 1;
            *call
        };
        (self.script)(key, call)
    }
}

/// Writes before it fails, so that a missing rollback shows.
pub async fn price_updated(
    app: &App,
    tx: &mut Tx,
    price: Received<PriceUpdated>,
) -> Result<Outcome, Fault> {
    let outcome = app.outcome(price.key());
    if !matches!(outcome, Ok(Outcome::Early { .. })) {
        record(tx, price.key(), price.version()).await?;
    }
    outcome
}

/// A deleted price is what other events waited for.
pub async fn price_deleted(
    app: &App,
    tx: &mut Tx,
    deleted: Received<PriceDeleted>,
) -> Result<Outcome, Fault> {
    record(tx, deleted.key(), deleted.version()).await?;
    let outcome = app.outcome(deleted.key());
    deleted.apply_early(tx, deleted.key()).await?;
    outcome
}

pub async fn record(tx: &mut Tx, key: &str, version: i64) -> Result<(), Fault> {
    sql_query("insert into seen (key, version) values ($1, $2)")
        .bind::<Text, _>(key)
        .bind::<BigInt, _>(version)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether search has recorded it.
pub async fn exists(tx: &mut Tx, key: &str) -> Result<bool, Fault> {
    let found = sql_query("select 1 from seen where key = $1").bind::<Text, _>(key);
    Ok(found.execute(tx.conn()).await? > 0)
}
