//! What waits in a service's database, as it was read last.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamptz};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

/// What waits in the database.
#[derive(Debug, Clone, QueryableByName)]
pub struct Due {
    /// The kinds of operations that are running.
    #[diesel(sql_type = Array<Text>)]
    pub running: Vec<String>,
    /// Those of them that no process works on.
    #[diesel(sql_type = Array<Text>)]
    pub free: Vec<String>,
    /// When an operation ended last.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Whether events that were deferred can be handled now.
    #[diesel(sql_type = Bool)]
    pub deferred: bool,
    /// Since when the oldest event waits that came too early.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub early_since: Option<DateTime<Utc>>,
}

impl Due {
    /// Whether an operation of this kind can be taken up.
    pub fn is_free(&self, kind: &str) -> bool {
        self.free.iter().any(|free| free == kind)
    }

    /// Whether an operation of this kind is running.
    pub fn is_running(&self, kind: &str) -> bool {
        self.running.iter().any(|running| running == kind)
    }
}

/// The last reading, shared by all that wait.
#[derive(Default)]
pub(crate) struct Reading {
    pub last: Mutex<Option<(Instant, Arc<Due>)>>,
    pub stale: AtomicBool,
    pub woken: Notify,
    /// An operation was created by this process.
    pub created: Notify,
}
