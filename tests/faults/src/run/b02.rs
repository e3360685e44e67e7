//! B02: a process dies, fails or waits at each point of the path of an event.

mod situation;

use crate::fixture::{Fixture, Setting};
use crate::points::{POINTS, Point};
use crate::process::Role;
use anyhow::{Result, bail, ensure};
use futures::StreamExt;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The process dies.
    Abort,
    /// The work there fails.
    Error,
    /// The work there waits.
    Delay(Duration),
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Error => "error",
            Self::Delay(_) => "delay",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(time) => write!(f, "delay:{}", time.as_millis()),
            other => f.write_str(other.name()),
        }
    }
}

/// Cases that are prepared at the same time; the machine limits how many run.
const MAX_CONCURRENT: usize = 8;

/// Points of the short tier.
pub fn short() -> Vec<&'static Point> {
    POINTS.iter().filter(|point| point.short).collect()
}

/// Does every action at every point, and fails with all that failed.
pub async fn run(points: &[&Point], actions: &[Action], seed: u64, program: &Path) -> Result<()> {
    let mut cases = Vec::new();
    for point in points {
        cases.extend(actions.iter().map(|action| (*point, *action)));
    }
    let count = cases.len();
    let running = cases.into_iter().map(async |(point, action)| {
        let done = case(point, action, seed, program).await;
        done.err().map(|error| format!("{}={action}: {error:#}", point.name))
    });
    let ended = futures::stream::iter(running).buffer_unordered(MAX_CONCURRENT);
    let failed: Vec<String> = ended.filter_map(async |failed| failed).collect().await;
    println!("b02 seed={seed} cases={count} failed={}", failed.len());
    if !failed.is_empty() {
        bail!("{} of {count} cases failed:\n{}", failed.len(), failed.join("\n"));
    }
    Ok(())
}

async fn case(point: &Point, action: Action, seed: u64, program: &Path) -> Result<()> {
    let name = format!("b02-{}-{}", point.name, action.name());
    let mut fixture = Fixture::new(Setting::of(name, seed, program)).await?;
    let script = format!("{}={action}", point.name);
    let at = |role: Role| if role == point.role { script.as_str() } else { "" };
    situation::make(&mut fixture, point.situation, &at).await?;
    if action == Action::Abort {
        // The process that died last has to do its work again too.
        fixture.until_all_are_back().await?;
        fixture.quiet(situation::TIMEOUT).await?;
    }
    let finished = fixture.finish().await?;
    let hit = finished.was_hit(point.name);
    finished.is_as_promised()?;
    ensure!(hit, "no process reached {}", point.name);
    Ok(())
}
