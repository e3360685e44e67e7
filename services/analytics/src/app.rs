use chrono::NaiveDate;
use fault::Fault;
use mesh::Paging;
use pg::Db;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

use crate::domain::event::Horizon;
use crate::store::days;

/// Dependencies of analytics.
#[derive(Clone)]
pub struct App {
    /// Its own database.
    pub db: Db,
    /// Makes page tokens.
    pub paging: Paging,
    /// For how many days before today events are kept.
    pub kept_days: u64,
    /// Days whose partitions this process has made sure of.
    pub known_days: Arc<Mutex<BTreeSet<NaiveDate>>>,
    /// Notified when something was counted.
    pub counted: Arc<Notify>,
}

impl App {
    /// With a database and the days for which it keeps events.
    pub fn new(db: Db, paging: Paging, kept_days: u64) -> Self {
        Self { db, paging, kept_days, known_days: Arc::default(), counted: Arc::default() }
    }

    /// Which days are kept, by the clock of the database.
    pub async fn horizon(&self) -> Result<Horizon, Fault> {
        let now = self.db.look_up("analytics.now", async |tx| tx.now().await).await?;
        Ok(Horizon { now, days: self.kept_days })
    }

    /// Makes the partitions of days that have none, in transactions of their own.
    pub async fn add_days(&self, wanted: &BTreeSet<NaiveDate>) -> Result<(), Fault> {
        let missing: Vec<NaiveDate> = {
            let known = self.known_days.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.difference(&known).copied().collect()
        };
        for day in missing {
            self.db.write("analytics.add_day", async |tx| days::add(tx, day).await).await?;
            self.known_days.lock().unwrap_or_else(PoisonError::into_inner).insert(day);
        }
        Ok(())
    }
}
