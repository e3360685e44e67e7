//! A process under test: one role of a service, built from the libraries as a service builds it.

pub mod consume;
pub mod handlers;
pub mod relay;
pub mod replay;
pub mod republish;
pub mod write;

use crate::history::{self, Entry, Recorder, now};
use anyhow::{Result, anyhow};
use bus::Bus;
use clap::Args;
use fault::Fault;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use pg::Db;
use std::fmt;
use std::path::PathBuf;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Commits changes of aggregates with their events.
    Write,
    /// Publishes what was committed.
    Relay,
    /// Handles what was published.
    Consume,
    /// Replays dead letters, and ends.
    Replay,
    /// Has everything published again, and ends.
    Republish,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write => "write",
            Self::Relay => "relay",
            Self::Consume => "consume",
            Self::Replay => "replay",
            Self::Republish => "republish",
        })
    }
}

/// Arguments of every process.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Its name in the history.
    #[arg(long)]
    pub who: String,
    /// The history.
    #[arg(long)]
    pub history: PathBuf,
    /// What is to happen at which point.
    #[arg(long, default_value = "")]
    pub failpoints: String,
    /// URL of the broker.
    #[arg(long)]
    pub broker: String,
}

impl Common {
    /// Prepares the process to die: with its parent, without a core dump, and only after what happened is recorded.
    pub fn begin(&self) -> Result<Recorder> {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        prctl::set_dumpable(false)?;
        tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
        let recorder = Recorder::open(&self.history)?;
        let script = match self.failpoints.as_str() {
            "" => String::new(),
            script => remaining(script, &self.who, &history::read(&self.history)?),
        };
        let (writing, who) = (recorder.clone(), self.who.clone());
        fault::point::arm(&script, move |point| {
            let hit = Entry::Hit { who: who.clone(), point: point.to_owned(), at: now() };
            // Where this fails the line is missing, which the run reports.
            let _ = writing.add(&hit);
        })?;
        Ok(recorder)
    }

    /// The connection to the broker.
    pub async fn bus(&self, max_bytes: Option<i64>) -> Result<Bus> {
        let settings = bus::Settings { max_bytes, ..bus::Settings::of(self.broker.as_str()) };
        Bus::connect(&settings).await.map_err(error)
    }
}

/// The database of a service.
pub fn database(service: &'static str, url: &str, connections: usize) -> Result<Db> {
    let settings = pg::Settings::of(url.into());
    let settings = pg::Settings { max_connections: connections, ..settings };
    Db::new(service, settings).map_err(error)
}

/// A fault with all its causes.
pub fn error(fault: Fault) -> anyhow::Error {
    anyhow!("{}", fault.chain())
}

/// The part of a script that has not happened yet in a process that may have been started before.
fn remaining(script: &str, who: &str, history: &[Entry]) -> String {
    let hit = |name: &str| {
        let is = |entry: &Entry| matches!(entry, Entry::Hit { who: whom, point, .. } if whom == who && point == name);
        history.iter().any(is)
    };
    let is_remaining = |entry: &&str| {
        let name = entry.split_once('=').map_or(*entry, |(name, _)| name);
        // What happens at every pass is never over.
        entry.ends_with('+') || !hit(name)
    };
    script.split(';').map(str::trim).filter(is_remaining).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_happened_to_a_process_does_not_happen_to_it_again() {
        let hit = |who: &str, point: &str| {
            let (who, point) = (who.to_owned(), point.to_owned());
            Entry::Hit { who, point, at: 1 }
        };
        let script = "batches=off; relay.marked=abort@2; relay.leads=delay:0@1+";
        let history = [hit("relay-0", "relay.leads"), hit("relay-1", "relay.marked")];
        assert_eq!(
            remaining(script, "relay-0", &history),
            "batches=off;relay.marked=abort@2;relay.leads=delay:0@1+"
        );
        assert_eq!(remaining(script, "relay-1", &history), "batches=off;relay.leads=delay:0@1+");
    }
}
