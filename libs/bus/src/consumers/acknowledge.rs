//! How a message is acknowledged: by its effect, or by the kind of its failure.

use super::backoff::{exponential, jittered};
use super::context::Consumers;
use super::delivery::Delivery;
use super::in_progress::HeldMessage;
use super::outcome::Effect;
use super::{attempts, effect, outage};
use crate::dead::{self, NewDeadLetter};
use crate::envelope;
use async_nats::jetstream::AckKind;
use chrono::{DateTime, Utc};
use fault::{Common, Fault, Kind, point};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often an event that conflicts with a concurrent change is tried at once, before it is delivered again.
const MAX_CONFLICTS: u32 = 4;

/// What is to be done with a message.
pub(super) enum Class {
    /// It goes to a handler.
    Handled(Box<Delivery>),
    /// Of the contract, but this service has no handler for it.
    Ignored,
    /// It can go to no handler.
    Unreadable(Fault),
}

pub(super) fn classify(consumers: &Consumers, held: &HeldMessage) -> Class {
    let subject = held.message.subject.as_str();
    if consumers.registry.handles(subject) {
        match Delivery::of_message(&held.consumer, &held.message) {
            Ok(delivery) => Class::Handled(Box::new(delivery)),
            Err(fault) => Class::Unreadable(fault),
        }
    } else if consumers.registry.knows(subject) {
        Class::Ignored
    } else {
        Class::Unreadable(dead::unknown_type(subject))
    }
}

pub(super) async fn ignored(held: HeldMessage) {
    count(&held, "ignored");
    held.acknowledge(AckKind::Ack).await;
}

/// Handles one event by itself and acknowledges it.
pub(super) async fn handle_single(
    consumers: &Consumers,
    held: HeldMessage,
    delivery: &Delivery,
    stop: &CancellationToken,
) {
    let mut conflicts = 0;
    loop {
        let handled = {
            let _shared = consumers.in_flight.read().await;
            effect::single(consumers, delivery).await
        };
        match handled {
            Ok(effect) => return committed(consumers, held, delivery, effect).await,
            // The transaction itself was repeated already where it was merely contended.
            Err(fault)
                if fault.kind() == Kind::Conflict
                    && !fault.is(Common::Contended)
                    && conflicts < MAX_CONFLICTS =>
            {
                conflicts += 1;
                tokio::time::sleep(jittered(Duration::from_millis(5 << conflicts))).await;
            }
            Err(fault) if is_database_outage(consumers, &fault).await => {
                if !outage::wait(consumers, stop).await {
                    return held.acknowledge(AckKind::Nak(None)).await;
                }
            }
            Err(fault) => return failed(consumers, held, delivery, &fault).await,
        }
    }
}

/// Whether the failure is an outage of the service's own database, and not of another dependency.
pub(super) async fn is_database_outage(consumers: &Consumers, fault: &Fault) -> bool {
    matches!(fault.kind(), Kind::Unavailable | Kind::TimedOut) && !outage::is_over(consumers).await
}

/// The effect is committed, so the broker need not deliver the message again.
pub(super) async fn committed(
    consumers: &Consumers,
    held: HeldMessage,
    delivery: &Delivery,
    effect: Effect,
) {
    let outcome = match effect {
        Effect::Applied => "applied",
        Effect::Kept => "kept",
        Effect::Stale => "stale",
        Effect::Duplicate => "duplicate",
    };
    count(&held, outcome);
    record_deliveries(&held);
    consumers.unavailable.done(&held);
    if effect == Effect::Applied {
        consumers.outages.ended(delivery.subject());
        let lag = (Utc::now() - delivery.envelope.at).to_std().unwrap_or_default();
        metrics::histogram!("event_e2e_lag_seconds", "consumer" => held.consumer.to_string())
            .record(lag);
    }
    if point::reached("consumer.committed").await.is_ok() {
        held.acknowledge(AckKind::Ack).await;
        // There is nothing left that could fail.
        let _ = point::reached("consumer.acked").await;
    }
}

/// There is no effect. Only the kind of the fault decides what comes next.
pub(super) async fn failed(
    consumers: &Consumers,
    held: HeldMessage,
    delivery: &Delivery,
    fault: &Fault,
) {
    if point::reached("consumer.failed").await.is_err() {
        return;
    }
    match fault.kind() {
        Kind::AlreadyExists => {
            count(&held, "exists");
            held.acknowledge(AckKind::Ack).await;
        }
        Kind::Invalid | Kind::Refused | Kind::Unauthenticated | Kind::Forbidden => {
            dead_letter(consumers, held, fault, 1, Utc::now()).await;
        }
        Kind::NotFound | Kind::Internal | Kind::Unimplemented => {
            count_failure(consumers, held, delivery, fault).await
        }
        Kind::Conflict => {
            let pause = exponential(consumers.tuning.retry, held.deliveries());
            retry_later(held, fault, pause).await;
        }
        Kind::Exhausted | Kind::Unavailable | Kind::TimedOut => {
            // A handler that hangs may be at fault itself.
            if fault.kind() != Kind::TimedOut {
                consumers.unavailable.failed(&held);
            }
            let pause = exponential(consumers.tuning.retry, held.deliveries());
            let outage = consumers.outages.failed(delivery.subject());
            retry_later(held, fault, pause.max(outage).max(fault.pause().unwrap_or_default()))
                .await;
        }
    }
}

async fn count_failure(
    consumers: &Consumers,
    held: HeldMessage,
    delivery: &Delivery,
    fault: &Fault,
) {
    let counted = attempts::count(consumers, delivery, &fault.chain()).await;
    if point::reached("consumer.counted").await.is_err() {
        return;
    }
    match counted {
        Ok(known) if known.failures() >= attempts::MAX_FAILURES => {
            dead_letter(consumers, held, fault, known.failures(), known.first_at).await;
        }
        Ok(known) => {
            let pause = exponential(consumers.tuning.retry, known.failures());
            retry_later(held, fault, pause).await;
        }
        // A failure that could not be counted does not count.
        Err(other) => {
            let pause = exponential(consumers.tuning.retry, held.deliveries());
            retry_later(held, &other, pause).await;
        }
    }
}

/// Has the broker deliver the event again after a pause.
pub(super) async fn retry_later(held: HeldMessage, fault: &Fault, pause: Duration) {
    if point::reached("consumer.later").await.is_err() {
        return;
    }
    count(&held, "retried");
    let consumer = &*held.consumer;
    let subject = held.message.subject.as_str();
    if fault.kind() == Kind::Internal {
        tracing::error!(
            consumer,
            subject,
            "event failed, tried again in {pause:?}: {}",
            fault.chain()
        );
    } else {
        tracing::info!(
            consumer,
            subject,
            "event failed, tried again in {pause:?}: {}",
            fault.chain()
        );
    }
    held.acknowledge(AckKind::Nak(Some(pause))).await;
}

/// Makes a dead letter. The message is terminated only after the broker has acknowledged the dead letter; until then it is
/// delivered again.
pub(super) async fn dead_letter(
    consumers: &Consumers,
    held: HeldMessage,
    fault: &Fault,
    attempts: u32,
    first_at: DateTime<Utc>,
) {
    let dead_letter = new_dead_letter(&held, fault, attempts, first_at);
    match dead::publish(&consumers.bus, consumers.service(), &dead_letter).await {
        Ok(()) => {
            log(&dead_letter, fault);
            count(&held, "dead");
            record_deliveries(&held);
            consumers.unavailable.done(&held);
            held.acknowledge(AckKind::Term).await;
            let _ = point::reached("dead.ended").await;
        }
        Err(other) => {
            let pause = exponential(consumers.tuning.retry, held.deliveries());
            retry_later(held, &other.context("publish a dead letter"), pause).await;
        }
    }
}

/// An event of a type that is newer than this binary is no failure: a newer binary will handle it.
fn log(dead_letter: &NewDeadLetter, fault: &Fault) {
    let NewDeadLetter { consumer, subject, event_id: id, reason, .. } = dead_letter;
    if fault.is(dead::Reason::UnknownType) {
        tracing::warn!(consumer, subject, id, "event of an unknown type is parked");
    } else {
        let chain = fault.chain();
        tracing::error!(consumer, subject, id, reason, "event became a dead letter: {chain}");
    }
}

fn new_dead_letter(
    held: &HeldMessage,
    fault: &Fault,
    attempts: u32,
    first_at: DateTime<Utc>,
) -> NewDeadLetter {
    let headers = held.message.headers.clone().unwrap_or_default();
    let event_id = envelope::id(&headers).map(|id| id.to_string());
    let position = || {
        let info = held.message.info();
        info.map_or_else(
            |_| "unknown".to_owned(),
            |info| format!("{}-{}", info.stream, info.stream_sequence),
        )
    };
    NewDeadLetter {
        consumer: held.consumer.to_string(),
        event_id: event_id.unwrap_or_else(position),
        subject: held.message.subject.to_string(),
        headers,
        payload: held.message.payload.clone(),
        reason: fault.reason().to_owned(),
        error: fault.chain(),
        attempts,
        first_at,
    }
}

/// How often an event was delivered until it was done.
fn record_deliveries(held: &HeldMessage) {
    metrics::histogram!("consumer_attempts", "consumer" => held.consumer.to_string())
        .record(held.deliveries());
}

fn count(held: &HeldMessage, outcome: &'static str) {
    // Labels are bounded: a subject that the contract does not name could be anything.
    let subject = held.message.subject.as_str();
    let known = contracts::event(subject);
    metrics::counter!(
        "consumer_events_total",
        "consumer" => held.consumer.to_string(),
        "subject" => known.map_or("unknown", |event| event.subject),
        "outcome" => outcome,
    )
    .increment(1);
}
