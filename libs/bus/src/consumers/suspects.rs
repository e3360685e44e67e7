//! The lane for messages that were sent again and again, because one of them may have killed the process. The broker counts
//! deliveries of innocent ones too, which had merely been prefetched beside it; so each is examined with nothing else in
//! flight. Events that were kept until it came are set aside, so that it is not blamed for them.

use super::effect;
use super::examine::{self, Examined, alone, examine};
use super::held::Hold;
use super::patience::growing;
use super::verdict::{self, Class};
use super::{Consumers, Delivery, outage};
use async_nats::jetstream::AckKind;
use chrono::Utc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

/// Deliveries up to which a message is handled like every other one.
const UNSUSPECTED: u32 = 3;

/// Whether a message goes through this lane.
pub(super) fn is_suspect(hold: &Hold) -> bool {
    hold.delivered() > UNSUSPECTED
}

/// Examines suspects one by one.
pub(super) async fn run(
    consumers: Consumers,
    mut queue: UnboundedReceiver<Hold>,
    stop: CancellationToken,
) {
    let consumers = consumers.careful();
    while let Some(hold) = queue.recv().await {
        if stop.is_cancelled() {
            hold.answer(AckKind::Nak(None)).await;
            continue;
        }
        match verdict::class(&consumers, &hold) {
            Class::Handled(delivery) => suspect(&consumers, hold, &delivery, &stop).await,
            Class::Ignored => verdict::ignored(hold).await,
            Class::Unreadable(fault) => {
                verdict::bury(&consumers, hold, &fault, 1, Utc::now()).await;
            }
        }
    }
}

async fn suspect(consumers: &Consumers, hold: Hold, delivery: &Delivery, stop: &CancellationToken) {
    let examined = loop {
        let work = effect::alone(consumers, delivery);
        let examined = examine(consumers, &alone(consumers).await, delivery, work, stop).await;
        match &examined {
            // Held like every other one: an outage costs no deliveries.
            Ok(Examined::Failed(fault)) | Err(fault) if verdict::ours(consumers, fault).await => {
                if !outage::wait(consumers, stop).await {
                    return hold.answer(AckKind::Nak(None)).await;
                }
            }
            _ => break examined,
        }
    };
    let verdict = match examined {
        Ok(Examined::Innocent(effect)) => {
            verdict::committed(consumers, hold, delivery, effect).await;
            "innocent"
        }
        Ok(Examined::Failed(fault)) => {
            verdict::failed(consumers, hold, delivery, &fault).await;
            "failed"
        }
        Ok(Examined::Guilty(known)) => {
            let (times, fault) = (known.failures(), examine::guilty(&known));
            verdict::bury(consumers, hold, &fault, times, known.first_at).await;
            "guilty"
        }
        Err(fault) => {
            let pause = growing(consumers.tuning.retry, hold.delivered());
            verdict::later(hold, &fault, pause).await;
            "not examined"
        }
    };
    let name = delivery.consumer.to_string();
    metrics::counter!("consumer_suspects_total", "consumer" => name, "outcome" => verdict)
        .increment(1);
}
