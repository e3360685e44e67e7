//! The streams. Each belongs to one service, which alone creates and changes it: `PRICING` holds pricing's events,
//! `DEAD_SEARCH` search's dead letters.

use crate::Bus;
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use fault::Fault;
use std::time::Duration;

/// Bytes that headers may add to the largest event.
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// Bytes that a dead letter may be larger than its event.
const MAX_DEAD_LETTER_BYTES: usize = 16 * 1024;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Stream of the broker's advisories about messages that it no longer delivers.
pub const ADVISORIES: &str = "ADVISORIES";

/// Subject of the broker's advisory that it gave a message up, before the names of stream and consumer.
pub(crate) const MAX_DELIVERIES_ADVISORY: &str = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES";

/// Name of the stream of a service's events: `PRICING`.
pub fn events(service: &str) -> String {
    token(service)
}

/// Name of the stream of a service's dead letters: `DEAD_SEARCH`.
pub fn dead(service: &str) -> String {
    format!("DEAD_{}", token(service))
}

/// The publishing service of a subject: `pricing` of `pricing.price.updated`.
pub fn publisher(subject: &str) -> &str {
    subject.split_once('.').map_or(subject, |(publisher, _)| publisher)
}

fn token(service: &str) -> String {
    service.to_uppercase().replace('-', "_")
}

/// Creates or updates the stream of a service's events.
pub async fn ensure_events(bus: &Bus, service: &str) -> Result<Info, Fault> {
    ensure(bus, events_config(bus, service)).await
}

/// Creates or updates the stream of a service's dead letters.
pub async fn ensure_dead(bus: &Bus, service: &str) -> Result<Info, Fault> {
    ensure(bus, dead_config(bus, service)).await
}

/// Creates or updates the streams for events that could not be handled: the dead letters of `service`, and the broker's
/// advisories about messages that it no longer delivers.
pub(crate) async fn ensure_dead_and_advisories(bus: &Bus, service: &str) -> Result<(), Fault> {
    ensure_dead(bus, service).await?;
    ensure(bus, advisories_config(bus)).await?;
    Ok(())
}

fn events_config(bus: &Bus, service: &str) -> Config {
    Config {
        name: events(service),
        description: Some(format!("what {service} says")),
        subjects: vec![format!("{service}.>")],
        max_bytes: bus.settings().max_bytes.unwrap_or(-1),
        max_age: 7 * DAY,
        duplicate_window: Duration::from_secs(120),
        max_message_size: size(pg::outbox::MAX_EVENT_BYTES + MAX_HEADER_BYTES),
        allow_atomic_publish: true,
        ..common(bus)
    }
}

fn dead_config(bus: &Bus, service: &str) -> Config {
    Config {
        name: dead(service),
        description: Some(format!("what {service} could not take")),
        subjects: vec![format!("dead.{service}.>")],
        duplicate_window: Duration::from_secs(120),
        max_message_size: size(
            pg::outbox::MAX_EVENT_BYTES + MAX_HEADER_BYTES + MAX_DEAD_LETTER_BYTES,
        ),
        ..common(bus)
    }
}

/// The broker publishes an advisory only once, to current subscribers; therefore the stream. All services of the account share it,
/// and it keeps an advisory as long as the message may exist.
fn advisories_config(bus: &Bus) -> Config {
    Config {
        name: ADVISORIES.to_owned(),
        description: Some("messages that the broker sends no more".to_owned()),
        subjects: vec![format!("{MAX_DELIVERIES_ADVISORY}.>")],
        max_age: 7 * DAY,
        duplicate_window: Duration::from_secs(120),
        max_message_size: -1,
        ..common(bus)
    }
}

/// A full stream refuses what is new: dropping what is old would lose events that were not handled yet.
fn common(bus: &Bus) -> Config {
    Config {
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        num_replicas: bus.settings().replicas,
        max_bytes: -1,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        ..Config::default()
    }
}

fn size(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

/// A stream that the broker refuses to configure as wanted, or that differs afterwards, is an internal fault, which ends the start.
/// Everything else is UNAVAILABLE and can be retried. The comparison is needed because servers silently drop settings that
/// they do not support.
async fn ensure(bus: &Bus, wanted: Config) -> Result<Info, Fault> {
    let name = wanted.name.clone();
    let info = match bus.jetstream().create_or_update_stream(wanted.clone()).await {
        Ok(info) => info,
        Err(error) if refused(&error) => {
            return Err(Fault::internal(format!("the broker refuses stream {name}: {error}")));
        }
        Err(error) => return Err(Fault::unavailable("the broker", error)),
    };
    let differences = differences(&wanted, &info.config);
    if differences.is_empty() {
        return Ok(info);
    }
    Err(Fault::internal(format!(
        "stream {name} is not configured as wanted: {}",
        differences.join("; ")
    )))
}

/// The broker's codes for a configuration that is invalid, and for an update of what cannot be changed. Their class is that
/// of the broker's own failures.
const CONFIG_ERRORS: [u64; 2] = [10052, 10069];

fn refused(error: &CreateStreamError) -> bool {
    match error.kind() {
        CreateStreamErrorKind::JetStream(error) => {
            error.code() < 500 || CONFIG_ERRORS.contains(&error.error_code().0)
        }
        CreateStreamErrorKind::EmptyStreamName | CreateStreamErrorKind::InvalidStreamName => true,
        _ => false,
    }
}

/// Where the two differ in a way that could lose or repeat events. Atomic batches are left out: without them publishing
/// is slower, nothing else.
fn differences(wanted: &Config, got: &Config) -> Vec<String> {
    let mut found = Vec::new();
    compare(&mut found, "subjects", &wanted.subjects, &got.subjects);
    compare(&mut found, "storage", &wanted.storage, &got.storage);
    compare(&mut found, "retention", &wanted.retention, &got.retention);
    compare(&mut found, "discard", &wanted.discard, &got.discard);
    compare(&mut found, "max_age", &wanted.max_age, &got.max_age);
    compare(&mut found, "max_bytes", &wanted.max_bytes, &got.max_bytes);
    compare(&mut found, "max_messages", &wanted.max_messages, &got.max_messages);
    compare(&mut found, "max_message_size", &wanted.max_message_size, &got.max_message_size);
    compare(&mut found, "duplicate_window", &wanted.duplicate_window, &got.duplicate_window);
    compare(&mut found, "replicas", &wanted.num_replicas, &got.num_replicas);
    found
}

/// Adds a difference of one setting.
pub(crate) fn compare<T: PartialEq + std::fmt::Debug>(
    found: &mut Vec<String>,
    name: &str,
    wanted: &T,
    got: &T,
) {
    if wanted != got {
        found.push(format!("{name} is {got:?}, expected {wanted:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_named_after_their_service() {
        assert_eq!(events("pricing"), "PRICING");
        assert_eq!(dead("order-flow"), "DEAD_ORDER_FLOW");
        assert_eq!(publisher("pricing.price.updated"), "pricing");
    }

    #[test]
    fn a_setting_that_a_server_dropped_is_found_and_batches_may_be_missing() {
        let wanted =
            Config { discard: DiscardPolicy::New, allow_atomic_publish: true, ..Config::default() };
        let got = Config { discard: DiscardPolicy::Old, ..wanted.clone() };
        assert_eq!(differences(&wanted, &got), ["discard is Old, expected New"]);
        let got = Config { allow_atomic_publish: false, ..wanted.clone() };
        assert!(differences(&wanted, &got).is_empty());
    }
}
