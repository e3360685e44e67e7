//! A process that commits changes of aggregates with their events, and records each commit that was acknowledged.

mod change;

use super::{Common, database};
use crate::event::Mark;
use crate::history::{Entry, Recorder, now};
use crate::schedule;
use anyhow::Result;
use bus::Bus;
use change::{Change, Outcome};
use clap::Args;
use futures::FutureExt;
use pg::Db;
use rand::Rng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Its arguments.
#[derive(Debug, Clone, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// URL of the publisher's database.
    #[arg(long)]
    database: String,
    #[command(flatten)]
    load: Load,
}

/// What it commits, and how.
#[derive(Debug, Clone, Args)]
pub struct Load {
    /// Seed of what is random here.
    #[arg(long)]
    pub seed: u64,
    /// Events that it commits in all, however often it is started again.
    #[arg(long)]
    pub events: u64,
    /// Writers at once.
    #[arg(long, default_value_t = 1)]
    pub writers: u64,
    /// Aggregates.
    #[arg(long, default_value_t = 100)]
    pub keys: u64,
    /// Most events of one transaction, each of another aggregate.
    #[arg(long, default_value_t = 4)]
    pub per_commit: u64,
    /// Events a second, whatever the servers do meanwhile; none: as fast as they take it.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Longest time that a transaction stays open, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pub open: u64,
    /// Of a hundred transactions so many stay open for 10 s.
    #[arg(long, default_value_t = 0)]
    pub held: u32,
    /// Of a hundred transactions so many are rolled back.
    #[arg(long, default_value_t = 0)]
    pub rolled_back: u32,
    /// Bytes that each event has more than it needs.
    #[arg(long, default_value_t = 0)]
    pub padding: usize,
    /// Events that no handler can take.
    #[arg(long, default_value_t = 0)]
    pub bad: usize,
    /// Events that kill the process that handles them.
    #[arg(long, default_value_t = 0)]
    pub kills: usize,
}

impl Load {
    /// So many events, the rest as by default.
    pub fn of(seed: u64, events: u64) -> Self {
        Self {
            seed,
            events,
            writers: 1,
            keys: 100,
            per_commit: 4,
            rate: None,
            open: 0,
            held: 0,
            rolled_back: 0,
            padding: 0,
            bad: 0,
            kills: 0,
        }
    }

    /// The same as arguments.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut add = |name: &str, value: String| arguments.push(format!("--{name}={value}"));
        add("seed", self.seed.to_string());
        add("events", self.events.to_string());
        add("writers", self.writers.to_string());
        add("keys", self.keys.to_string());
        add("per-commit", self.per_commit.to_string());
        if let Some(rate) = self.rate {
            add("rate", rate.to_string());
        }
        add("open", self.open.to_string());
        add("held", self.held.to_string());
        add("rolled-back", self.rolled_back.to_string());
        add("padding", self.padding.to_string());
        add("bad", self.bad.to_string());
        add("kills", self.kills.to_string());
        arguments
    }

    /// The numbers of the events with a mark, and their marks.
    fn marks(&self) -> Vec<(u64, Mark)> {
        let events = usize::try_from(self.events).unwrap_or(usize::MAX);
        let mut random = schedule::random(self.seed, "marks");
        let chosen =
            rand::seq::index::sample(&mut random, events, (self.bad + self.kills).min(events));
        let marks =
            std::iter::repeat_n(Mark::Kills, self.kills).chain(std::iter::repeat(Mark::Bad));
        let number = |index: usize| u64::try_from(index).unwrap_or(u64::MAX);
        chosen.into_iter().map(number).zip(marks).collect()
    }

    /// How many of them one writer commits.
    fn share(&self, writer: u64) -> u64 {
        self.events / self.writers + u64::from(writer < self.events % self.writers)
    }
}

/// Commits what is still to be committed.
pub async fn run(options: Options) -> Result<()> {
    let recorder = options.common.begin()?;
    let load = Arc::new(options.load);
    let connections = usize::try_from(load.writers)? + 2;
    let db = database(crate::event::PUBLISHER, &options.database, connections)?;
    let bus = options.common.bus(None).await?;
    let marks = Arc::new(load.marks());
    let mut writers = JoinSet::new();
    for number in 0..load.writers {
        let name = writer(&options.common.who, number);
        let random = schedule::random(load.seed, &name);
        let writer = Writer {
            name,
            number,
            load: load.clone(),
            marks: marks.clone(),
            db: db.clone(),
            bus: bus.clone(),
            recorder: recorder.clone(),
            random,
        };
        writers.spawn(writer.run());
    }
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    let mut events = 0;
    for number in 0..load.writers {
        events += change::written(&db, &writer(&options.common.who, number)).await;
    }
    let who = options.common.who;
    recorder.add(&Entry::WriterDone { who, events, of: load.events, at: now() })
}

/// The name of one of a process's writers.
fn writer(who: &str, number: u64) -> String {
    format!("{who}/{number}")
}

struct Writer {
    name: String,
    number: u64,
    load: Arc<Load>,
    marks: Arc<Vec<(u64, Mark)>>,
    db: Db,
    bus: Bus,
    recorder: Recorder,
    random: StdRng,
}

impl Writer {
    async fn run(mut self) -> Result<()> {
        let share = self.load.share(self.number);
        let mut written = change::written(&self.db, &self.name).await;
        let mut pace = self.pace();
        while written < share {
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            let change = self.change(written, share - written);
            match change.commit(&self.db, &self.recorder).await? {
                Outcome::Committed(events) => {
                    written += events;
                    // A replica that stands by notifies the leader like this, and does not wait for a broker that is away either.
                    let wake =
                        self.bus.client().publish("core.outbox.pricing", bytes::Bytes::new());
                    let _ = wake.now_or_never();
                }
                Outcome::RolledBack => {}
                Outcome::Unknown => written = change::written(&self.db, &self.name).await,
            }
        }
        Ok(())
    }

    /// Each tick is a transaction. Ticks that were missed are made up for: customers do not wait for servers.
    fn pace(&self) -> Option<Interval> {
        let mean = self.per_commit_mean();
        let writers = f64::from(u32::try_from(self.load.writers).unwrap_or(u32::MAX));
        let each = self.load.rate.map(|rate| Duration::from_secs_f64(writers * mean / rate))?;
        let mut ticks = interval(each);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Some(ticks)
    }

    fn per_commit_mean(&self) -> f64 {
        (1.0 + f64::from(u32::try_from(self.load.per_commit).unwrap_or(1))) / 2.0
    }

    /// The next transaction; `left` bounds its events.
    fn change(&mut self, written: u64, left: u64) -> Change {
        let load = &self.load;
        let events = self.random.random_range(1..=load.per_commit.max(1)).min(left).min(load.keys);
        // In one order for all writers, so that they do not deadlock.
        let mut keys = BTreeSet::new();
        while u64::try_from(keys.len()).unwrap_or(u64::MAX) < events {
            keys.insert(crate::event::key(load.seed, self.random.random_range(0..load.keys)));
        }
        let mark = |number: u64| {
            let found = self.marks.iter().find(|(marked, _)| *marked == number);
            found.map(|(_, mark)| *mark)
        };
        let numbers = (written..).map(|mine| mine * load.writers + self.number);
        let events = keys.into_iter().zip(numbers).map(|(key, number)| (key, mark(number)));
        let events = events.collect();
        let percent = self.random.random_range(0..100);
        let open = match self.random.random_range(0..100) < load.held {
            true => Duration::from_secs(10),
            false => Duration::from_millis(self.random.random_range(0..=load.open)),
        };
        let writer = self.name.clone();
        Change {
            writer,
            events,
            padding: load.padding,
            open,
            rolled_back: percent < load.rolled_back,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_committed_by_one_writer_and_the_marked_ones_are_as_many_as_asked() {
        let load = Load { writers: 3, bad: 5, kills: 2, ..Load::of(7, 100) };
        let all: u64 = (0..3).map(|writer| load.share(writer)).sum();
        assert_eq!(all, 100);
        let marks = load.marks();
        assert_eq!(marks, load.marks());
        let numbers: BTreeSet<u64> = marks.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers.len(), 7);
        assert!(numbers.iter().all(|number| *number < 100));
        let kills = marks.iter().filter(|(_, mark)| *mark == Mark::Kills).count();
        assert_eq!(kills, 2);
    }
}
