//! What happens by the clock: gauges, letters that this binary can read by now, kept events that waited too long.

use super::Consumers;
use crate::dead::{self, Letter};
use crate::streams;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use contracts::Reason as _;
use fault::Fault;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// Letters read at a time.
const PAGE: usize = 200;

/// Looks at the gauges every five seconds and at the rest every minute, the first time at once. Its failures are the
/// outages of servers, which others report; the next round does it.
pub(super) async fn run(consumers: Consumers, stop: CancellationToken) -> Result<(), Fault> {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    let mut round: u32 = 0;
    let mut parked = 0;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let done = async {
            if round.is_multiple_of(12) {
                let letters = report("look at the letters", look_at_letters(&consumers).await);
                parked = letters.map_or(parked, |letters| letters.parked);
                report("sweep early events", consumers.sweep_early().await);
                report("follow the broker's notes", consumers.sweep_given_up().await);
            }
            report("read the gauges", gauges(&consumers, parked).await);
        };
        if stop.run_until_cancelled(done).await.is_none() {
            break;
        }
        round = round.wrapping_add(1);
    }
    Ok(())
}

fn report<T>(doing: &'static str, result: Result<T, Fault>) -> Option<T> {
    result.inspect_err(|fault| tracing::info!("could not {doing}: {}", fault.chain())).ok()
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

/// What became of the letters that were parked for their type only.
#[derive(Default)]
pub(super) struct Letters {
    pub replayed: usize,
    /// Those that stay parked.
    pub parked: u64,
}

/// Replays the parked letters of types that this binary knows.
pub(super) async fn look_at_letters(consumers: &Consumers) -> Result<Letters, Fault> {
    let mut found = Letters::default();
    let mut after = 0;
    loop {
        let letters = dead::list(&consumers.bus, consumers.service(), after, PAGE).await?;
        let Some(last) = letters.last() else { return Ok(found) };
        after = last.sequence;
        for letter in letters.iter().filter(|letter| is_parked(letter)) {
            if consumers.registry.knows(&letter.original_subject) {
                match consumers.replay(letter).await {
                    Ok(_) => {
                        found.replayed += 1;
                        continue;
                    }
                    Err(fault) => {
                        let (id, chain) = (&letter.letter_id, fault.chain());
                        tracing::warn!(id, "a parked letter could not be replayed: {chain}");
                    }
                }
            }
            found.parked += 1;
        }
    }
}

fn is_parked(letter: &Letter) -> bool {
    letter.reason == dead::Reason::UnknownType.name()
}
