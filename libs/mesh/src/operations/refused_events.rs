//! Refused events in requests and answers.

use contracts::operations::v1::{RefusedEvent, RefusedEventFilter};
use convert::{read, timestamp};
use fault::Fault;
use kernel::id::Id;
use pg::outbox::refused::{Refused, Which};

/// Reads a filter; absent it means every event.
pub(super) fn which(filter: Option<&RefusedEventFilter>) -> Result<Which, Fault> {
    let Some(filter) = filter else { return Ok(Which::default()) };
    let id = read(|fields| fields.optional_id::<Refused>("filter.event_id", &filter.event_id))?;
    let id = id.map(Id::uuid);
    Ok(Which { id, key: Some(filter.key.clone()).filter(|key| !key.is_empty()) })
}

/// A refused event as callers see it.
pub(super) fn message(event: &Refused) -> RefusedEvent {
    RefusedEvent {
        event_id: event.id.to_string(),
        subject: event.subject.clone(),
        key: event.key.clone(),
        version: event.version,
        create_time: Some(timestamp(event.created_at)),
        error: event.error.clone(),
        attempts: event.attempts,
        retry_time: Some(timestamp(event.retry_at)),
        payload_bytes: event.bytes,
    }
}
