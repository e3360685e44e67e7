//! What happened in a run, as lines of JSON that several processes append to, and what the servers held at its end.

use anyhow::{Context, Result};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A version of an aggregate, and its event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The aggregate.
    pub key: String,
    /// Its version, from 1.
    pub version: i64,
}

/// A row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// Its position there.
    pub seq: i64,
    /// Id of the event.
    pub id: String,
    /// The aggregate.
    pub key: String,
    /// Its version.
    pub version: i64,
    /// Whether it is marked as published.
    pub published: bool,
    /// How often the broker refused it.
    pub attempts: i32,
}

/// A message of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its position there.
    pub position: u64,
    /// When the broker stored it, in microseconds.
    pub at: i64,
    /// Id of the event; none where the headers have no readable one.
    pub id: Option<String>,
    /// The aggregate.
    pub key: String,
    /// Its version.
    pub version: i64,
    /// Name of its mark.
    pub mark: Option<String>,
}

/// A claim in an inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Durable consumer.
    pub consumer: String,
    /// Id of the event.
    pub id: String,
    /// When it was claimed, in microseconds.
    pub at: i64,
}

/// A row of a projection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projected {
    /// The aggregate.
    pub key: String,
    /// Version that was written last.
    pub version: i64,
    /// How often an older version was written over a newer one.
    pub back: i64,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Durable consumer that could not take the event.
    pub consumer: String,
    /// Id of the event; where it had none, its position in the stream.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// One line. Instants are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the comment of a line describes all of its fields")]
pub enum Entry {
    /// The run itself.
    Run { name: String, seed: u64 },
    /// Another part of the run begins.
    Phase { name: String, at: i64 },
    /// A process was started.
    Started { who: String, pid: u32, at: i64 },
    /// A process has ended.
    Ended { who: String, how: String, at: i64 },
    /// The schedule did this to a process or a server.
    Done { what: String, who: String, at: i64 },
    /// A failpoint did what its script says.
    Hit { who: String, point: String, at: i64 },
    /// A writer's commit of these was acknowledged.
    Committed { who: String, events: Vec<Version>, at: i64 },
    /// A process that was to commit `of` events has ended by itself, and has committed `events`.
    WriterDone { who: String, events: u64, of: u64, at: i64 },
    /// The outcome of a writer's commit is unknown.
    Unsure { who: String, why: String, at: i64 },
    /// The run has damaged what a consumer kept of an event.
    Spoiled { consumer: String, id: String },
    /// At the end: a row of the outbox.
    Outbox(OutboxRow),
    /// At the end: a message of the stream.
    Stored(Stored),
    /// At the end: a claim in an inbox.
    Claim(Claim),
    /// At the end: a claimed event that still waits for its key.
    Early { consumer: String, id: String },
    /// At the end: how many effects a key has had.
    Tally { key: String, count: u64 },
    /// At the end: a row of a projection.
    Projected(Projected),
    /// At the end: an aggregate as its owner has it.
    Owner(Version),
    /// At the end: a dead letter.
    DeadLetter(DeadLetter),
    /// At the end: how many deliveries a durable consumer had, repeated ones included.
    Delivered { consumer: String, count: u64 },
}

/// Appends to a history. Each line is one write to a file in append mode, so that lines of several processes do not mix and
/// a line is there when the process dies after it.
#[derive(Debug, Clone)]
pub struct Recorder {
    path: PathBuf,
    file: Arc<File>,
}

impl Recorder {
    /// Opens a history, which need not be there yet.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("open {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file: Arc::new(file) })
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line.
    pub fn add(&self, entry: &Entry) -> Result<()> {
        self.add_all(std::slice::from_ref(entry))
    }

    /// Appends many lines at once.
    pub fn add_all(&self, entries: &[Entry]) -> Result<()> {
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, entry)?;
            lines.push(b'\n');
        }
        (&*self.file).write_all(&lines).with_context(|| format!("write {}", self.path.display()))
    }
}

/// Now, in microseconds since 1970.
pub fn now() -> i64 {
    Utc::now().timestamp_micros()
}

/// Reads a whole history.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut entries = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let entry = serde_json::from_str(&line?);
        entries.push(entry.with_context(|| format!("{}:{}", path.display(), number + 1))?);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let path = std::env::temp_dir().join(format!("souk-history-{}.jsonl", std::process::id()));
        let entries = [
            Entry::Run { name: "b01".into(), seed: 7 },
            Entry::Hit { who: "relay-0".into(), point: "relay.marked".into(), at: now() },
            Entry::Owner(Version { key: "k".into(), version: 3 }),
        ];
        let recorder = Recorder::open(&path).unwrap();
        recorder.add(&entries[0]).unwrap();
        Recorder::open(&path).unwrap().add_all(&entries[1..]).unwrap();
        let found = read(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(found.unwrap(), entries);
    }
}
