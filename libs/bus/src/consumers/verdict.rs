//! What the broker is told about a message, by the kind of failure.

use super::effect::{self, Effect};
use super::held::Hold;
use super::patience::{growing, jittered};
use super::{Consumers, Delivery, attempts, outage};
use crate::dead::{self, Burial};
use crate::envelope;
use async_nats::jetstream::AckKind;
use chrono::{DateTime, Utc};
use fault::{Common, Fault, Kind, point};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often an event that something else changed in the way of is tried before others get their turn.
const CONFLICTS: u32 = 4;

/// What is to be done with a message before anybody looks into it.
pub(super) enum Class {
    /// It goes to a handler.
    Handled(Box<Delivery>),
    /// Of the contract, but nothing that this service cares for.
    Ignored,
    /// It can go to no handler.
    Unreadable(Fault),
}

pub(super) fn class(consumers: &Consumers, hold: &Hold) -> Class {
    let subject = hold.message.subject.as_str();
    if consumers.registry.handles(subject) {
        match Delivery::of_message(&hold.consumer, &hold.message) {
            Ok(delivery) => Class::Handled(Box::new(delivery)),
            Err(fault) => Class::Unreadable(fault),
        }
    } else if consumers.registry.knows(subject) {
        Class::Ignored
    } else {
        Class::Unreadable(dead::unknown_type(subject))
    }
}

pub(super) async fn ignored(hold: Hold) {
    count(&hold, "ignored");
    hold.answer(AckKind::Ack).await;
}

/// Handles one event by itself and tells the broker.
pub(super) async fn single(
    consumers: &Consumers,
    hold: Hold,
    delivery: &Delivery,
    stop: &CancellationToken,
) {
    let mut conflicts = 0;
    loop {
        let handled = {
            let _shared = consumers.bus.in_flight().read().await;
            effect::alone(consumers, delivery).await
        };
        match handled {
            Ok(effect) => return committed(consumers, hold, delivery, effect).await,
            // What is merely contended was repeated often enough by the transaction itself.
            Err(fault)
                if fault.kind() == Kind::Conflict
                    && !fault.is(Common::Contended)
                    && conflicts < CONFLICTS =>
            {
                conflicts += 1;
                tokio::time::sleep(jittered(Duration::from_millis(5 << conflicts))).await;
            }
            Err(fault) if ours(consumers, &fault).await => {
                if !outage::wait(consumers, stop).await {
                    return hold.answer(AckKind::Nak(None)).await;
                }
            }
            Err(fault) => return failed(consumers, hold, delivery, &fault).await,
        }
    }
}

/// Whether the failure is an outage of our own database, and no other dependency's.
pub(super) async fn ours(consumers: &Consumers, fault: &Fault) -> bool {
    matches!(fault.kind(), Kind::Unavailable | Kind::TimedOut) && !outage::is_over(consumers).await
}

/// The effect is committed, so the broker may forget the message.
pub(super) async fn committed(
    consumers: &Consumers,
    hold: Hold,
    delivery: &Delivery,
    effect: Effect,
) {
    let outcome = match effect {
        Effect::Applied => "applied",
        Effect::Kept => "kept",
        Effect::Stale => "stale",
        Effect::Duplicate => "duplicate",
    };
    count(&hold, outcome);
    ended(&hold);
    if effect == Effect::Applied {
        consumers.outages.passed(delivery.subject());
        let lag = (Utc::now() - delivery.envelope.at).to_std().unwrap_or_default();
        metrics::histogram!("event_e2e_lag_seconds", "consumer" => hold.consumer.to_string())
            .record(lag);
    }
    if point::reached("consumer.committed").await.is_ok() {
        hold.answer(AckKind::Ack).await;
        // There is nothing left that could fail.
        let _ = point::reached("consumer.acked").await;
    }
}

/// There is no effect. The kind alone decides what comes next.
pub(super) async fn failed(consumers: &Consumers, hold: Hold, delivery: &Delivery, fault: &Fault) {
    if point::reached("consumer.failed").await.is_err() {
        return;
    }
    match fault.kind() {
        Kind::AlreadyExists => {
            count(&hold, "exists");
            hold.answer(AckKind::Ack).await;
        }
        Kind::Invalid | Kind::Refused | Kind::Unauthenticated | Kind::Forbidden => {
            bury(consumers, hold, fault, 1, Utc::now()).await;
        }
        Kind::NotFound | Kind::Internal => counted(consumers, hold, delivery, fault).await,
        Kind::Conflict => {
            let pause = growing(consumers.tuning.retry, hold.delivered());
            later(hold, fault, pause).await;
        }
        Kind::Exhausted | Kind::Unavailable | Kind::TimedOut => {
            let pause = growing(consumers.tuning.retry, hold.delivered());
            let outage = consumers.outages.failed(delivery.subject());
            later(hold, fault, pause.max(outage).max(fault.pause().unwrap_or_default())).await;
        }
    }
}

async fn counted(consumers: &Consumers, hold: Hold, delivery: &Delivery, fault: &Fault) {
    let counted = attempts::count(consumers, delivery, &fault.chain()).await;
    if point::reached("consumer.counted").await.is_err() {
        return;
    }
    match counted {
        Ok(known) if known.failures() >= attempts::MOST => {
            bury(consumers, hold, fault, known.failures(), known.first_at).await;
        }
        Ok(known) => {
            let pause = growing(consumers.tuning.retry, known.failures());
            later(hold, fault, pause).await;
        }
        // A failure that could not be counted does not count.
        Err(trouble) => {
            let pause = growing(consumers.tuning.retry, hold.delivered());
            later(hold, &trouble, pause).await;
        }
    }
}

/// Has the event sent again after a pause.
pub(super) async fn later(hold: Hold, fault: &Fault, pause: Duration) {
    if point::reached("consumer.later").await.is_err() {
        return;
    }
    count(&hold, "retried");
    let consumer = &*hold.consumer;
    let subject = hold.message.subject.as_str();
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
    hold.answer(AckKind::Nak(Some(pause))).await;
}

/// Makes a dead letter. The original is ended only after the letter is acknowledged; without that it comes again.
pub(super) async fn bury(
    consumers: &Consumers,
    hold: Hold,
    fault: &Fault,
    attempts: u32,
    first_at: DateTime<Utc>,
) {
    let burial = burial(&hold, fault, attempts, first_at);
    match dead::post(&consumers.bus, consumers.service(), &burial).await {
        Ok(()) => {
            told(&burial, fault);
            count(&hold, "dead");
            ended(&hold);
            hold.answer(AckKind::Term).await;
            let _ = point::reached("dead.ended").await;
        }
        Err(trouble) => {
            let pause = growing(consumers.tuning.retry, hold.delivered());
            later(hold, &trouble.context("post a dead letter"), pause).await;
        }
    }
}

/// An event of a type that is newer than this binary is no failure: a newer one will take it.
fn told(burial: &Burial, fault: &Fault) {
    let Burial { consumer, subject, letter_id: id, reason, .. } = burial;
    if fault.is(dead::Reason::UnknownType) {
        tracing::warn!(consumer, subject, id, "event of an unknown type is parked");
    } else {
        let chain = fault.chain();
        tracing::error!(consumer, subject, id, reason, "event became a dead letter: {chain}");
    }
}

fn burial(hold: &Hold, fault: &Fault, attempts: u32, first_at: DateTime<Utc>) -> Burial {
    let headers = hold.message.headers.clone().unwrap_or_default();
    let letter_id = envelope::id(&headers).map(|id| id.to_string());
    let position = || {
        let info = hold.message.info();
        info.map_or_else(
            |_| "unknown".to_owned(),
            |info| format!("{}-{}", info.stream, info.stream_sequence),
        )
    };
    Burial {
        consumer: hold.consumer.to_string(),
        letter_id: letter_id.unwrap_or_else(position),
        subject: hold.message.subject.to_string(),
        headers,
        payload: hold.message.payload.clone(),
        reason: fault.reason().to_owned(),
        error: fault.chain(),
        attempts,
        first_at,
    }
}

/// How often an event was sent until it came to an end.
fn ended(hold: &Hold) {
    metrics::histogram!("consumer_attempts", "consumer" => hold.consumer.to_string())
        .record(hold.delivered());
}

fn count(hold: &Hold, outcome: &'static str) {
    // Labels are bounded: a subject that the contract does not name could be anything.
    let subject = hold.message.subject.as_str();
    let known = contracts::EVENTS.iter().find(|event| event.subject == subject);
    metrics::counter!(
        "consumer_events_total",
        "consumer" => hold.consumer.to_string(),
        "subject" => known.map_or("unknown", |event| event.subject),
        "outcome" => outcome,
    )
    .increment(1);
}
