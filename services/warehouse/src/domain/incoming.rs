//! Units that are expected.

use super::warehouse::Warehouse;
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid};
use kernel::id::Id;

/// Units that are expected.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct Incoming {
    /// The warehouse that they will come to.
    #[diesel(sql_type = SqlUuid)]
    pub warehouse_id: Id<Warehouse>,
    /// What the caller knows them by.
    #[diesel(sql_type = Text)]
    pub reference: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub quantity: i64,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub expected_at: DateTime<Utc>,
}
