//! What several runs need.

use crate::fixture::Fixture;
use crate::process::Role;
use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use std::time::Duration;

/// Far longer than anything takes, so that a busy machine fails no run.
pub(super) const TIMEOUT: Duration = Duration::from_secs(900);

/// How much of a full run is done: less than all of it only shows that the run itself works.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// So many of a hundred.
    pub percent: u32,
}

impl Part {
    /// That part of a number, at least one.
    pub(super) fn of(self, whole: u64) -> u64 {
        (whole * u64::from(self.percent) / 100).max(1)
    }

    /// The same of a number of things.
    pub(super) fn count(self, whole: usize) -> usize {
        usize::try_from(self.of(u64::try_from(whole).unwrap_or(u64::MAX))).unwrap_or(usize::MAX)
    }
}

/// Shows progress on a terminal; elsewhere it prints nothing.
pub(super) fn progress(what: &'static str, count: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX)).with_message(what);
    let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} {msg}");
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

/// Kills any process of a role that has not ended by itself, if there is one.
pub(super) async fn kill_one(fixture: &Fixture, role: Role, random: &mut StdRng) -> Result<()> {
    loop {
        let names = fixture.supervisor.names(role);
        let Some(who) = names.choose(random) else { return Ok(()) };
        if fixture.supervisor.kill(who).await? {
            return Ok(());
        }
    }
}

/// Lets a time pass that is part of the run.
pub(super) async fn wait(what: &'static str, time: Duration) {
    let seconds = usize::try_from(time.as_secs()).unwrap_or(usize::MAX);
    let bar = progress(what, seconds);
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bar.inc(1);
    }
    bar.finish_and_clear();
}
