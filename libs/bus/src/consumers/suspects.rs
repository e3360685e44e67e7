//! The lane for messages that were sent again and again, because one of them may have killed the process. The broker counts
//! deliveries of innocent ones too, which had merely been prefetched beside it; so each is handled with nothing else in
//! flight in the whole process, after a committed start. Who dies then is the one.

use super::attempts::{self, Begun};
use super::effect::{self, Effect};
use super::held::Hold;
use super::verdict::{self, Class};
use super::{Consumers, Delivery};
use crate::dead::Reason;
use async_nats::jetstream::AckKind;
use chrono::Utc;
use fault::{Fault, point};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

/// Deliveries up to which a message is handled like every other one.
const UNSUSPECTED: u32 = 3;

/// Whether a message goes through this lane.
pub(super) fn is_suspect(hold: &Hold) -> bool {
    hold.delivered() > UNSUSPECTED
}

/// Handles suspects one by one.
pub(super) async fn examine(
    consumers: Consumers,
    mut queue: UnboundedReceiver<Hold>,
    stop: CancellationToken,
) {
    while let Some(hold) = queue.recv().await {
        if stop.is_cancelled() {
            hold.answer(AckKind::Nak(None)).await;
            continue;
        }
        match verdict::class(&consumers, &hold) {
            Class::Handled(delivery) => suspect(&consumers, hold, &delivery).await,
            Class::Ignored => verdict::ignored(hold).await,
            Class::Unreadable(fault) => {
                verdict::bury(&consumers, hold, &fault, 1, Utc::now()).await;
            }
        }
    }
}

async fn suspect(consumers: &Consumers, hold: Hold, delivery: &Delivery) {
    let examined = {
        let _alone = consumers.bus.in_flight().write().await;
        handled_alone(consumers, delivery).await
    };
    let verdict = match examined {
        Ok(Examined::Innocent(effect)) => {
            verdict::committed(hold, delivery, effect).await;
            "innocent"
        }
        Ok(Examined::Failed(fault)) => {
            verdict::failed(consumers, hold, delivery, &fault).await;
            "failed"
        }
        Ok(Examined::Guilty(known)) => {
            let times = known.failures();
            let fault = Fault::new(
                Reason::KillsTheProcess,
                format!("the process died {times} times while it handled this event alone"),
            );
            verdict::bury(consumers, hold, &fault, times, known.first_at).await;
            "guilty"
        }
        Err(fault) => {
            let pause = verdict::growing(consumers.tuning.retry, hold.delivered());
            verdict::later(hold, &fault, pause).await;
            "not examined"
        }
    };
    let name = delivery.consumer.to_string();
    metrics::counter!("consumer_suspects_total", "consumer" => name, "outcome" => verdict)
        .increment(1);
}

enum Examined {
    /// The process lives, and what it did is committed.
    Innocent(Effect),
    /// The process lives, but there is no effect.
    Failed(Fault),
    /// It was the end of a process too often.
    Guilty(attempts::Attempts),
}

/// An error says that the start could not be written down, so nothing was done.
async fn handled_alone(consumers: &Consumers, delivery: &Delivery) -> Result<Examined, Fault> {
    point::reached("suspect.start").await?;
    match attempts::begin(consumers, delivery).await? {
        Begun::Had => return Ok(Examined::Innocent(Effect::Duplicate)),
        Begun::Enough(known) => return Ok(Examined::Guilty(known)),
        Begun::New => point::reached("suspect.started").await?,
    }
    let handled = effect::alone(consumers, delivery).await;
    point::reached("suspect.handled").await?;
    // Where this fails, an outage counts as one death of three: better than to die on and on.
    if let Err(fault) = attempts::finish(consumers, delivery).await {
        tracing::info!("the end of an attempt was not written down: {}", fault.chain());
    }
    point::reached("suspect.finished").await?;
    Ok(match handled {
        Ok(effect) => Examined::Innocent(effect),
        Err(fault) => Examined::Failed(fault),
    })
}
