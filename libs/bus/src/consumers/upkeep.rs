//! What happens by the clock: gauges, letters that this binary can read by now, kept events that waited too long.

use super::{Consumers, Replayed};
use crate::dead::{self, Letter};
use crate::streams;
use contracts::Reason as _;
use fault::Fault;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Letters read at a time.
const PAGE: usize = 200;

/// Looks at the gauges every five seconds and at the rest every minute, the first time at once. Its failures are the
/// outages of servers, which others report; the next round does it.
pub(super) async fn run(consumers: Consumers, stop: CancellationToken) -> Result<(), Fault> {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    let mut round: u32 = 0;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let done = async {
            if round.is_multiple_of(12) {
                report("replay parked letters", replay_parked(&consumers).await);
                report("sweep early events", consumers.sweep_early().await);
            }
            report("read the gauges", gauges(&consumers).await);
        };
        if stop.run_until_cancelled(done).await.is_none() {
            break;
        }
        round = round.wrapping_add(1);
    }
    Ok(())
}

fn report<T>(doing: &'static str, result: Result<T, Fault>) {
    if let Err(fault) = result {
        tracing::info!("could not {doing}: {}", fault.chain());
    }
}

async fn gauges(consumers: &Consumers) -> Result<(), Fault> {
    for publisher in consumers.registry.publishers() {
        let (stream, name) = (streams::events(publisher), consumers.name(publisher));
        let stream = consumers.bus.jetstream().get_stream_no_info(stream).await;
        let stream = stream.map_err(|error| Fault::unavailable("the broker", error))?;
        // Missing as long as its publisher has not started.
        let Ok(info) = stream.consumer_info(&name).await else { continue };
        let pending = info.num_pending + u64::try_from(info.num_ack_pending).unwrap_or_default();
        metrics::gauge!("consumer_pending", "consumer" => name).set(float(pending));
    }
    let letters = dead::count(&consumers.bus, consumers.service()).await?;
    metrics::gauge!("dead_letters", "service" => consumers.service()).set(float(letters));
    Ok(())
}

/// Gauges are floats; counts this large are not exact, and need not be.
fn float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

/// Replays the letters that were parked for their type only, and that this binary knows.
pub(super) async fn replay_parked(consumers: &Consumers) -> Result<usize, Fault> {
    let mut replayed = 0;
    let mut after = 0;
    loop {
        let letters = dead::list(&consumers.bus, consumers.service(), after, PAGE).await?;
        let Some(last) = letters.last() else { return Ok(replayed) };
        after = last.sequence;
        for letter in letters.iter().filter(|letter| ripe(consumers, letter)) {
            match consumers.replay(letter).await {
                Ok(Replayed::Applied | Replayed::Kept | Replayed::Duplicate | Replayed::Ignored) => {
                    replayed += 1;
                }
                Err(fault) => {
                    tracing::warn!(
                        id = letter.letter_id,
                        "a parked letter could not be replayed: {}",
                        fault.chain()
                    );
                }
            }
        }
    }
}

fn ripe(consumers: &Consumers, letter: &Letter) -> bool {
    letter.reason == dead::Reason::UnknownType.name()
        && consumers.registry.knows(&letter.original_subject)
}
