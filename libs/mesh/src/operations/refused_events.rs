//! Refused events in requests and answers.

use super::times;
use contracts::operations::v1::{RefusedEvent, RefusedEventFilter};
use fault::{Common, Fault};
use pg::outbox::refused::{Refused, Which};
use uuid::Uuid;

/// Reads a filter; absent it means every event.
pub(super) fn which(filter: Option<&RefusedEventFilter>) -> Result<Which, Fault> {
    let Some(filter) = filter else { return Ok(Which::default()) };
    let id = match filter.event_id.as_str() {
        "" => None,
        id => Some(Uuid::parse_str(id).map_err(|error| {
            Fault::field(Common::InvalidField, "filter.event_id", error.to_string())
        })?),
    };
    Ok(Which { id, key: Some(filter.key.clone()).filter(|key| !key.is_empty()) })
}

/// A refused event as callers see it.
pub(super) fn message(event: Refused) -> RefusedEvent {
    RefusedEvent {
        event_id: event.id.to_string(),
        subject: event.subject,
        key: event.key,
        version: event.version,
        create_time: Some(times::timestamp(event.created_at)),
        error: event.error,
        attempts: event.attempts,
        retry_time: Some(times::timestamp(event.retry_at)),
        payload_bytes: event.bytes,
    }
}
