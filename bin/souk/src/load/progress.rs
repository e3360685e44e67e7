//! Progress on standard error: a bar on a terminal, else at most one line per second.

use super::Refused;
use super::report::Report;
use crate::output;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shows how many rows are done.
pub struct Progress {
    what: &'static str,
    total: Option<u64>,
    done: u64,
    begun: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
    /// What would help rows that were refused.
    hints: BTreeSet<&'static str>,
    report: Report,
}

impl Progress {
    /// Progress of `total` rows, if that is known.
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(what, total));
        let (begun, hints, report) = (Instant::now(), BTreeSet::new(), Report::default());
        Self { what, total, done: 0, begun, last_line: begun, bar, hints, report }
    }

    /// Adds a number of rows to those that are done.
    pub fn add(&mut self, rows: u64) {
        self.done += rows;
        match &self.bar {
            Some(bar) => bar.set_position(self.done),
            None if self.last_line.elapsed() >= Duration::from_secs(1) => {
                self.last_line = Instant::now();
                self.print_line();
            }
            None => {}
        }
    }

    /// Sets the number of rows that are done.
    pub fn reach(&mut self, rows: u64) {
        self.add(rows.saturating_sub(self.done));
    }

    /// Prints a row that was refused, once all earlier ones are settled.
    pub fn refused(&mut self, why: Refused) {
        self.hints.extend(hint(&why.reason));
        let due = self.report.add(why);
        self.print(&due);
    }

    /// What became of every row up to `line` is known: prints those that were refused.
    pub fn settle(&mut self, line: u64) {
        let due = self.report.settle(line);
        self.print(&due);
    }

    /// Prints what is left, removes the bar or prints the last line, and says what would help the rows that were refused.
    pub fn finish(mut self) {
        self.settle(u64::MAX);
        match self.bar {
            Some(bar) => bar.finish_and_clear(),
            None => self.print_line(),
        }
        self.hints.into_iter().for_each(output::note);
    }

    fn print(&self, refused: &[Refused]) {
        let print = || refused.iter().for_each(output::note);
        match &self.bar {
            Some(bar) if !refused.is_empty() => bar.suspend(print),
            _ => print(),
        }
    }

    fn print_line(&self) {
        let per_second = u128::from(self.done) * 1000 / self.begun.elapsed().as_millis().max(1);
        let of = self.total.map(|total| format!(" of {total}")).unwrap_or_default();
        output::note(format_args!("{}: {}{of}, {per_second} in a second", self.what, self.done));
    }
}

/// What helps rows that are refused for a reason.
fn hint(reason: &str) -> Option<&'static str> {
    match reason {
        "UNKNOWN_BRAND" => {
            Some("UNKNOWN_BRAND: --create-missing-brands creates brands that do not exist")
        }
        "UNKNOWN_ATTRIBUTE" => Some(
            "UNKNOWN_ATTRIBUTE: --define-missing-attributes defines attributes from their first values",
        ),
        "UNKNOWN_CATEGORY" => {
            Some("UNKNOWN_CATEGORY: create the categories first (CatalogService.CreateCategory)")
        }
        "UNKNOWN_ITEM" => Some("UNKNOWN_ITEM: import the products first (souk import products)"),
        _ => None,
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
