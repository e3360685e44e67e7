//! What is done periodically: gauges, dead letters of kept events that waited too long and of messages that the broker gave up.

use super::context::Consumers;
use crate::{dead, streams};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use fault::{Common, Fault};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// Longest time of one task: a half-open connection must not stop the others.
const TASK_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs every five seconds, for the broker's advisories every minute, and the first time at once. A failure is the outage of a
/// server, which is reported elsewhere; the next round tries again.
pub(super) async fn run(
    consumers: Consumers,
    parked: Arc<AtomicU64>,
    stop: CancellationToken,
) -> Result<(), Fault> {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    let mut round: u32 = 0;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let done = async {
            report("read the gauges", gauges(&consumers, parked.load(Ordering::Relaxed))).await;
            report("sweep early events", sweep_early(&consumers)).await;
            if round.is_multiple_of(12) {
                report("sweep the broker's advisories", consumers.sweep_given_up()).await;
            }
        };
        if stop.run_until_cancelled(done).await.is_none() {
            break;
        }
        round = round.wrapping_add(1);
    }
    Ok(())
}

async fn report<T>(doing: &'static str, work: impl Future<Output = Result<T, Fault>>) {
    let done = tokio::time::timeout(TASK_TIMEOUT, work).await.unwrap_or_else(|_| {
        Err(Fault::new(Common::DeadlineExceeded, format!("it was not done in {TASK_TIMEOUT:?}")))
    });
    if let Err(fault) = done {
        tracing::info!("could not {doing}: {}", fault.chain());
    }
}

/// Only where events wait at all: this looks every five seconds.
async fn sweep_early(consumers: &Consumers) -> Result<(), Fault> {
    if consumers.db.due().await?.early_since.is_some() {
        consumers.sweep_early().await?;
    }
    Ok(())
}

async fn gauges(consumers: &Consumers, parked: u64) -> Result<(), Fault> {
    for publisher in consumers.registry.publishers() {
        let (stream, name) = (streams::events(publisher), consumers.name(publisher));
        let stream = consumers.bus.jetstream().get_stream_no_info(stream).await;
        let stream = stream.map_err(|error| Fault::unavailable("the broker", error))?;
        // Missing until its publisher has started once.
        let Ok(info) = stream.consumer_info(&name).await else { continue };
        let pending = info.num_pending + u64::try_from(info.num_ack_pending).unwrap_or_default();
        metrics::gauge!("consumer_pending", "consumer" => name.clone()).set(float(pending));
        let oldest = match pending {
            0 => Duration::ZERO,
            _ => age(&stream, publisher, info.ack_floor.stream_sequence + 1).await?,
        };
        metrics::gauge!("consumer_oldest_age_seconds", "consumer" => name)
            .set(oldest.as_secs_f64());
    }
    let dead_letters = dead::count(&consumers.bus, consumers.service()).await?;
    let service = consumers.service();
    // Parked ones need no operator, so they do not count for the alert.
    metrics::gauge!("dead_letters", "service" => service)
        .set(float(dead_letters.saturating_sub(parked)));
    metrics::gauge!("dead_letters_parked", "service" => service).set(float(parked));
    Ok(())
}

/// The age of the first message from a sequence on.
async fn age(stream: &Stream<()>, publisher: &str, from: u64) -> Result<Duration, Fault> {
    let request = stream.raw_message_builder().sequence(from);
    match request.next_by_subject(format!("{publisher}.>")).send().await {
        Ok(message) => {
            let since = SystemTime::now().duration_since(SystemTime::from(message.time));
            Ok(since.unwrap_or_default())
        }
        // Handled meanwhile.
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(Duration::ZERO),
        Err(error) => Err(Fault::unavailable("the broker", error)),
    }
}

/// Gauges are floats; counts this large are not exact, and need not be.
fn float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}
