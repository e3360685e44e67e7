//! Bulk loading of products and prices into a running shop, for `souk import` and `souk seed`.

pub mod archive;
pub mod caller;
pub mod chunks;
mod decodable;
pub mod entries;
pub mod events;
mod format;
pub mod keyed;
pub mod lines;
pub mod pages;
pub mod prices;
pub mod products;
pub mod progress;
mod report;
pub mod retry;
pub mod send;
pub mod stock;

use kernel::digest::sha256;
use kernel::name;
use std::fmt;
use uuid::{Builder, Uuid};

/// What to do about a row that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OnError {
    /// Stop there. Where the shop refuses it, nothing of its chunk is written.
    #[default]
    Stop,
    /// Leave it out, report it, and go on.
    Skip,
}

/// The id of the request that a chunk of an import is. It depends on the body, because a chunk without its refused rows is another request
/// and needs another id.
fn request_id(import_id: Uuid, sequence: i64, body: &[u8]) -> String {
    let mut name = import_id.as_bytes().to_vec();
    name.extend(sequence.to_be_bytes());
    name.extend(body);
    let digest = u128::from_be_bytes(sha256(&name).first_chunk().copied().unwrap_or_default());
    Builder::from_custom_bytes(digest.to_be_bytes()).into_uuid().to_string()
}

/// A row with its line number.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<M> {
    /// Number of its line, from 1.
    pub line: u64,
    /// Its content.
    pub message: M,
}

/// The reason of a row that is no message.
const UNREADABLE: &str = "UNREADABLE";
/// The reason of a row that no request has room for.
const TOO_LARGE: &str = "TOO_LARGE";

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Number of its line, from 1.
    pub line: u64,
    /// Its key; empty if it could not be read.
    pub key: String,
    /// Machine-readable reason: that of the service, or `UNREADABLE` or `TOO_LARGE`.
    pub reason: String,
    /// Error message that names the fields.
    pub message: String,
}

impl Refused {
    /// Whether it could not be read or sent.
    fn is_unread(&self) -> bool {
        matches!(self.reason.as_str(), UNREADABLE | TOO_LARGE)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", shown(&self.key))?;
        }
        write!(f, "{}: {}", self.reason, self.message)
    }
}

/// Most characters of a key that are shown.
const MAX_SHOWN_CHARS: usize = 100;

/// A key as a report shows it: on one line, cut, and with what a terminal would act on escaped.
fn shown(key: &str) -> String {
    let start: String = key.chars().take(MAX_SHOWN_CHARS).collect();
    let cut = if start.len() < key.len() { "…" } else { "" };
    let is_plain = name::clean(&start) == Ok(start.as_str());
    if is_plain { format!("{start}{cut}") } else { format!("{start:?}{cut}") }
}

/// Counts of rows by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that created something.
    pub created: u64,
    /// Rows that changed something.
    pub updated: u64,
    /// Rows that changed nothing.
    pub unchanged: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Whether it stopped at a refused row, so that later rows were not processed.
    pub stopped: bool,
}

impl Tally {
    /// Number of processed rows.
    pub fn rows(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.refused
    }

    /// Adds the counts of a response; negative ones are ignored.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_on_its_line() {
        assert_eq!(shown("A-1 é"), "A-1 é");
        assert_eq!(shown(" A"), "\" A\"");
        assert_eq!(shown("x\nline 9: ok\u{1b}[31m"), "\"x\\nline 9: ok\\u{1b}[31m\"");
        assert_eq!(shown(&"x".repeat(200_000)).chars().count(), MAX_SHOWN_CHARS + 1);
    }
}
