//! What happens by the clock: gauges, kept events that waited too long, what the broker gave up.

use super::Consumers;
use crate::{dead, streams};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use fault::{Common, Fault};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// Longest time of one thing that is due: a server that is gone without a word must not stop the others.
const LIMIT: Duration = Duration::from_secs(30);

/// Looks every five seconds, at the broker's notes every minute, and the first time at once. Its failures are the outages of
/// servers, which others report; the next round does it.
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
            report("sweep early events", consumers.sweep_early()).await;
            if round.is_multiple_of(12) {
                report("follow the broker's notes", consumers.sweep_given_up()).await;
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
    let done = tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| {
        Err(Fault::new(Common::DeadlineExceeded, format!("it was not done in {LIMIT:?}")))
    });
    if let Err(fault) = done {
        tracing::info!("could not {doing}: {}", fault.chain());
    }
}

async fn gauges(consumers: &Consumers, parked: u64) -> Result<(), Fault> {
    for publisher in consumers.registry.publishers() {
        let (stream, name) = (streams::events(publisher), consumers.name(publisher));
        let stream = consumers.bus.jetstream().get_stream_no_info(stream).await;
        let stream = stream.map_err(|error| Fault::unavailable("the broker", error))?;
        // Missing as long as its publisher has not started.
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
    let letters = dead::count(&consumers.bus, consumers.service()).await?;
    let service = consumers.service();
    // Parked ones are nobody's task, so they do not count for the alert.
    metrics::gauge!("dead_letters", "service" => service)
        .set(float(letters.saturating_sub(parked)));
    metrics::gauge!("dead_letters_parked", "service" => service).set(float(parked));
    Ok(())
}

/// How long the first message from a sequence on has been in the stream.
async fn age(stream: &Stream<()>, publisher: &str, from: u64) -> Result<Duration, Fault> {
    let asked = stream.raw_message_builder().sequence(from);
    match asked.next_by_subject(format!("{publisher}.>")).send().await {
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
