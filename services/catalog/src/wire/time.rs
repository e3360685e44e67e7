use chrono::{DateTime, Utc};
use prost_types::Timestamp;

/// A point in time; the database keeps microseconds, and so do the rows that this comes from.
pub(super) fn timestamp(at: DateTime<Utc>) -> Option<Timestamp> {
    let nanos = i32::try_from(at.timestamp_subsec_micros()).unwrap_or_default() * 1_000;
    Some(Timestamp { seconds: at.timestamp(), nanos })
}
