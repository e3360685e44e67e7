//! The runs of the battery. The short tier and the full runs are the same functions with other numbers.

pub mod b01;
pub mod b02;
pub mod b03;
pub mod b04;
pub mod b07;
pub mod b08;
pub mod b09;
pub mod b11;
pub mod b13;
pub mod b33;
pub mod lost;
pub mod mutants;
pub mod network;

use crate::points::POINTS;
use crate::process::Role;
use crate::world::World;
use anyhow::{Result, ensure};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use std::path::Path;
use std::time::Duration;

/// Far more than anything takes: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(900);

/// How much of a full run is done: less than all of it only shows that the run itself works.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// So many of a hundred.
    pub percent: u32,
}

impl Part {
    /// That part of a number, at least one.
    fn of(self, whole: u64) -> u64 {
        (whole * u64::from(self.percent) / 100).max(1)
    }

    /// The same of a number of things.
    fn count(self, whole: usize) -> usize {
        usize::try_from(self.of(u64::try_from(whole).unwrap_or(u64::MAX))).unwrap_or(usize::MAX)
    }
}

/// The full runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Full {
    /// The outbox while relays, writers and the servers are killed.
    B01,
    /// A process dies, fails or waits at each point of the path of an event.
    B02,
    /// Transactions that overlap, stay open and are rolled back.
    B03,
    /// A broker that is away for longer than it knows ids.
    B04,
    /// Listeners that are killed all the time.
    B07,
    /// Events that no handler can take.
    B08,
    /// Events that come repeatedly and in any order.
    B09,
    /// The relay's lead goes from process to process.
    B11,
    /// No more room, by the broker's quota or on its disk.
    B13,
    /// Stored events that are damaged.
    B33,
    /// A broker that loses all that it had.
    Lost,
    /// Links that are bad in every way.
    Network,
}

/// Does a full run, or a part of it; of b02 only the points whose names begin with `at`.
pub async fn full(run: Full, seed: u64, part: Part, at: &str, program: &Path) -> Result<()> {
    println!("{run:?} seed={seed}");
    let part = &part;
    match run {
        Full::B01 => b01::run(&b01::Scale::full(part), seed, program).await,
        Full::B02 => {
            let points: Vec<_> = POINTS.iter().filter(|point| point.name.starts_with(at)).collect();
            ensure!(!points.is_empty(), "no point's name begins with {at:?}");
            let wait = b02::Action::Delay(Duration::from_secs(10));
            b02::run(&points, &[b02::Action::Abort, b02::Action::Error, wait], seed, program).await
        }
        Full::B03 => b03::run(&b03::Scale::full(part), seed, program).await,
        Full::B04 => b04::run(&b04::Scale::full(part), seed, program).await,
        Full::B07 => b07::run(&b07::Scale::full(part), seed, program).await,
        Full::B08 => b08::full(&b08::Scale::full(part), seed, program).await,
        Full::B09 => b09::run(&b09::Scale::full(part), seed, program).await,
        Full::B11 => b11::run(part.count(50), seed, program).await,
        Full::B13 => b13::run(seed, program).await,
        Full::B33 => b33::run(seed, program).await,
        Full::Lost => lost::run(part.of(20_000), seed, program).await,
        Full::Network => network::run(part.count(20), seed, program).await,
    }
}

/// Tells a person who watches how far a run is; elsewhere it says nothing.
fn progress(what: &'static str, count: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX)).with_message(what);
    let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} {msg}");
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

/// Kills any process of a role that has not ended by itself; nobody where all have.
async fn kill_one(world: &World, role: Role, random: &mut StdRng) -> Result<()> {
    loop {
        let names = world.supervisor.names(role);
        let Some(who) = names.choose(random) else { return Ok(()) };
        if world.supervisor.kill(who).await? {
            return Ok(());
        }
    }
}

/// Lets a time pass that is part of the run.
async fn wait(what: &'static str, time: Duration) {
    let seconds = usize::try_from(time.as_secs()).unwrap_or(usize::MAX);
    let bar = progress(what, seconds);
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bar.inc(1);
    }
    bar.finish_and_clear();
}
