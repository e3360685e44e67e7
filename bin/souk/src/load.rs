//! Brings many products and prices into a running shop: what `souk import` and `souk seed` share.

pub mod caller;
pub mod chunks;
pub mod entries;
pub mod lines;
pub mod patience;
pub mod prices;
pub mod products;
pub mod progress;

use std::fmt;

/// What to do about a row that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OnError {
    /// Write nothing of its chunk, and end.
    #[default]
    Stop,
    /// Leave it out, report it, and go on.
    Skip,
}

/// A row together with where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<M> {
    /// Number of its line, from 1.
    pub line: u64,
    /// What it says.
    pub message: M,
}

/// A row that did not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Number of its line, from 1.
    pub line: u64,
    /// Its key, where it could be read.
    pub key: String,
    /// Why, as a word: the server's reason, or `UNREADABLE`.
    pub reason: String,
    /// Why, for people; names the fields.
    pub message: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}: {}", self.reason, self.message)
    }
}

/// What became of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that made something new.
    pub created: u64,
    /// Rows that changed something.
    pub updated: u64,
    /// Rows that were there already, to the last field.
    pub unchanged: u64,
    /// Rows that did not get in.
    pub refused: u64,
    /// True: the work ended at a refused row, and rows behind it were not looked at.
    pub stopped: bool,
}

impl Tally {
    /// All rows that were dealt with.
    pub fn rows(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.refused
    }

    /// Counts what a server answered; it never counts below 0.
    fn add(&mut self, created: i32, updated: i32, unchanged: i32) {
        self.created += u64::try_from(created).unwrap_or_default();
        self.updated += u64::try_from(updated).unwrap_or_default();
        self.unchanged += u64::try_from(unchanged).unwrap_or_default();
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { created, updated, unchanged, refused, stopped } = self;
        write!(
            f,
            "{created} created, {updated} updated, {unchanged} unchanged, {refused} refused"
        )?;
        if *stopped { f.write_str("; stopped there") } else { Ok(()) }
    }
}
