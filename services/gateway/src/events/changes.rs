//! Changes of other services end kept answers. Every instance hears of them by itself; what one misses while it has no connection ends when
//! that comes back.

use crate::domain::topics::{ALL, ended};
use bus::Bus;
use bus::hearing::{Heard, Hearing};
use cache::Answers;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Whose events are about what is shown.
const PUBLISHERS: [&str; 3] = ["catalog", "pricing", "warehouse"];
/// Time until a refused subscription is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Ends answers until the process ends.
pub async fn follow(bus: Bus, answers: Arc<Answers>, ending: CancellationToken) {
    let following = async {
        loop {
            match Hearing::begin(&bus, &PUBLISHERS).await {
                Ok(mut hearing) => {
                    while let Some(heard) = hearing.next().await {
                        answers.ended(topics(heard)).await;
                    }
                }
                Err(fault) => {
                    tracing::warn!("changes are not heard, trying again: {}", fault.chain());
                }
            }
            answers.ended([ALL.to_owned()]).await;
            tokio::time::sleep(PAUSE).await;
        }
    };
    let _ = ending.run_until_cancelled(following).await;
}

fn topics(heard: Heard) -> BTreeSet<String> {
    match heard {
        Heard::Gap => BTreeSet::from([ALL.to_owned()]),
        Heard::Events(events) => events
            .iter()
            .flat_map(|event| ended(&event.subject, &event.key, &event.payload))
            .collect(),
    }
}
