//! The isolation lane, for messages that were delivered again and again: one of them may be a poison event, which kills the
//! process. The broker also counts deliveries of those that were merely prefetched beside it, so each runs with nothing else of its
//! service in flight. Kept events that waited for it are deferred, so that their failures do not count as its own.

use super::acknowledge::{self, Class};
use super::backoff::exponential;
use super::context::Consumers;
use super::delivery::Delivery;
use super::in_progress::HeldMessage;
use super::isolated::{self, Isolated, exclusive};
use super::unavailable::Unavailable;
use super::{effect, outage};
use async_nats::jetstream::AckKind;
use chrono::Utc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

/// Deliveries up to which a message is handled like every other one.
const MAX_DELIVERIES: u32 = 3;

/// Whether a message goes through this lane.
pub(super) fn is_isolated(unavailable: &Unavailable, held: &HeldMessage) -> bool {
    unavailable.other_deliveries(held) > MAX_DELIVERIES
}

/// Runs isolated messages one by one.
pub(super) async fn run(
    consumers: Consumers,
    mut queue: UnboundedReceiver<HeldMessage>,
    stop: CancellationToken,
) {
    let consumers = consumers.deferring_kept();
    while let Some(held) = queue.recv().await {
        if stop.is_cancelled() {
            held.acknowledge(AckKind::Nak(None)).await;
            continue;
        }
        match acknowledge::classify(&consumers, &held) {
            Class::Handled(delivery) => isolate(&consumers, held, &delivery, &stop).await,
            Class::Ignored => acknowledge::ignored(held).await,
            Class::Unreadable(fault) => {
                acknowledge::dead_letter(&consumers, held, &fault, 1, Utc::now()).await;
            }
        }
    }
}

async fn isolate(
    consumers: &Consumers,
    held: HeldMessage,
    delivery: &Delivery,
    stop: &CancellationToken,
) {
    let isolated = loop {
        let work = effect::single(consumers, delivery);
        let exclusive = exclusive(consumers).await;
        let isolated = isolated::run(consumers, &exclusive, delivery, work, stop).await;
        drop(exclusive);
        match &isolated {
            // It stays in progress like every other one: an outage costs no deliveries.
            Ok(Isolated::Failed(fault)) | Err(fault)
                if acknowledge::is_database_outage(consumers, fault).await =>
            {
                if !outage::wait(consumers, stop).await {
                    return held.acknowledge(AckKind::Nak(None)).await;
                }
            }
            _ => break isolated,
        }
    };
    let outcome = match isolated {
        Ok(Isolated::Committed(effect)) => {
            acknowledge::committed(consumers, held, delivery, effect).await;
            "committed"
        }
        Ok(Isolated::Failed(fault)) => {
            acknowledge::failed(consumers, held, delivery, &fault).await;
            "failed"
        }
        Ok(Isolated::Poison(known)) => {
            let (times, fault) = (known.failures(), isolated::poison_fault(&known));
            acknowledge::dead_letter(consumers, held, &fault, times, known.first_at).await;
            "poison"
        }
        Err(fault) => {
            let pause = exponential(consumers.tuning.retry, held.deliveries());
            acknowledge::retry_later(held, &fault, pause).await;
            "not run"
        }
    };
    let name = delivery.consumer.to_string();
    metrics::counter!("consumer_isolated_total", "consumer" => name, "outcome" => outcome)
        .increment(1);
}
