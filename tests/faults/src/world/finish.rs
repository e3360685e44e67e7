//! The end of a run.

use super::World;
use crate::check::{self, Verdict};
use crate::history::{self, Entry};
use crate::process::Role;
use crate::run::Full;
use crate::schedule::SEED;
use crate::state;
use anyhow::{Error, Result, anyhow};
use clap::ValueEnum;
use std::path::PathBuf;

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// What the checkers say.
    pub verdict: Verdict,
    /// Everything that happened.
    pub history: Vec<Entry>,
    /// Panics of its processes.
    pub panics: Vec<String>,
    /// What a person needs who looks into it.
    explained: String,
    folder: PathBuf,
}

impl World {
    /// Ends the processes, adds what the servers hold to the history and checks it. Prints one line about the run.
    pub async fn finish(self) -> Result<Finished> {
        for role in [Role::Say, Role::Relay, Role::Listen, Role::Replay, Role::Republish] {
            self.supervisor.take_down(role)?;
        }
        let written = state::write_down(&self.databases, &self.bus, &self.recorder).await;
        written.map_err(|error| self.explain(error))?;
        let history = history::read(self.recorder.path())?;
        let verdict = check::all(&history);
        let count = |of: fn(&Entry) -> bool| history.iter().filter(|entry| of(entry)).count();
        let events = count(|entry| matches!(entry, Entry::Stored(_)));
        let kills = count(|entry| matches!(entry, Entry::Done { what, .. } if what == "kill"));
        let (name, seed, took) = (&self.setting.name, self.setting.seed, self.begun.elapsed());
        let took = took.as_secs_f64();
        println!("{name} seed={seed} events={events} kills={kills} {verdict} ({took:.1} s)");
        let panics = self.supervisor.panics()?;
        let explained = self.explained();
        Ok(Finished { verdict, history, panics, explained, folder: self.folder.clone() })
    }

    /// The error with what a person needs who looks into it.
    pub(super) fn explain(&self, error: Error) -> Error {
        anyhow!("{error:#}{}", self.explained())
    }

    fn explained(&self) -> String {
        let (name, seed) = (&self.setting.name, self.setting.seed);
        let (history, logs) = (self.recorder.path().display(), self.folder.display());
        let run = name.split('-').next().unwrap_or(name);
        let again = again(run, seed);
        format!(
            "\n  run: {name} seed={seed}\n  history: {history}\n  logs: {logs}\n  \
             checked again: cargo run -p faults -- check {history}\n  run again: {again}"
        )
    }
}

/// The short tier, which has one module for each of its runs.
const SHORT: &str = include_str!("../../tests/it/main.rs");

/// The commands that do a run again: some are only tests, some only full runs, most are both.
fn again(run: &str, seed: u64) -> String {
    let test = SHORT.lines().any(|line| line == format!("mod {run};"));
    let test = test.then(|| format!("{SEED}={seed} cargo test -p faults --test it {run}::"));
    let full = Full::from_str(run, false).is_ok();
    let full = full.then(|| format!("./dev faults {run} --seed {seed}"));
    test.into_iter().chain(full).collect::<Vec<_>>().join(" or ")
}

impl Finished {
    /// Fails unless the promise was kept, and removes the logs of a run that kept it.
    pub fn is_as_promised(self) -> Result<Vec<Entry>> {
        if !self.verdict.is_ok() || !self.panics.is_empty() {
            let told = [self.verdict.told(), &self.panics].concat().join("\n  ");
            return Err(anyhow!("{}\n  {told}{}", self.verdict, self.explained));
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        Ok(self.history)
    }

    /// Fails if the checkers find nothing wrong: a run in which a safeguard was taken away.
    pub fn is_noticed(self) -> Result<Verdict> {
        if self.verdict.is_ok() {
            return Err(anyhow!("nobody noticed{}", self.explained));
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        Ok(self.verdict)
    }

    /// Whether a point did what its script said.
    pub fn was_hit(&self, point: &str) -> bool {
        self.history
            .iter()
            .any(|entry| matches!(entry, Entry::Hit { point: hit, .. } if hit == point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_that_exist_are_recommended() {
        let test = |run| format!("SOUK_FAULTS_SEED=7 cargo test -p faults --test it {run}::");
        assert_eq!(again("mutants", 7), test("mutants"), "there is no such full run");
        assert_eq!(again("b13", 7), "./dev faults b13 --seed 7", "there is no such test");
        assert_eq!(again("lost", 7), test("lost") + " or ./dev faults lost --seed 7");
    }
}
