//! How far it is: a bar where a person looks on, else at most one line in a second.

use super::Refused;
use crate::say;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shows how much of something is done, on standard error.
pub struct Progress {
    what: &'static str,
    total: Option<u64>,
    done: u64,
    begun: Instant,
    said: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Of `total` rows, where that is known.
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(what, total));
        Self { what, total, done: 0, begun: Instant::now(), said: Instant::now(), bar }
    }

    /// So many more are done.
    pub fn add(&mut self, rows: u64) {
        self.done += rows;
        match &self.bar {
            Some(bar) => bar.set_position(self.done),
            None if self.said.elapsed() >= Duration::from_secs(1) => {
                self.said = Instant::now();
                self.say();
            }
            None => {}
        }
    }

    /// So many are done in all.
    pub fn reach(&mut self, rows: u64) {
        self.add(rows.saturating_sub(self.done));
    }

    /// Tells of a row that did not get in.
    pub fn refused(&self, why: &Refused) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say::note(why)),
            None => say::note(why),
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        match self.bar {
            Some(bar) => bar.finish_and_clear(),
            None => self.say(),
        }
    }

    fn say(&self) {
        let per_second = u128::from(self.done) * 1000 / self.begun.elapsed().as_millis().max(1);
        let of = self.total.map(|total| format!(" of {total}")).unwrap_or_default();
        say::note(format_args!("{}: {}{of}, {per_second} in a second", self.what, self.done));
    }
}

fn bar(what: &'static str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), "{prefix} {wide_bar} {human_pos}/{human_len} {per_sec}")
        }
        None => (ProgressBar::new_spinner(), "{prefix} {spinner} {human_pos} {per_sec}"),
    };
    let style = ProgressStyle::with_template(template);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.with_prefix(what)
}
