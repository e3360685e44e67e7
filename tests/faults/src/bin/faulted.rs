//! The process under test, and commands for people: full runs, and the checkers offline.
#![expect(clippy::print_stdout, reason = "its output is what it is run for")]

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use faults::process::{consume, relay, replay, republish, write};
use faults::{check, history, run, schedule};
use std::path::PathBuf;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Is a process that commits changes of aggregates with their events.
    Write(write::Options),
    /// Is a process that relays.
    Relay(relay::Options),
    /// Is a process that consumes.
    Consume(consume::Options),
    /// Is a process that replays dead letters.
    Replay(replay::Options),
    /// Is a process that republishes everything.
    Republish(republish::Options),
    /// Checks a history again.
    Check {
        /// The history's file.
        history: PathBuf,
    },
    /// Does one of the full runs.
    Run {
        /// Which one.
        name: run::Full,
        /// Its seed; another one each time where none is given.
        #[arg(long)]
        seed: Option<u64>,
        /// Only so many of a hundred, to try the run itself.
        #[arg(long, default_value_t = 100)]
        percent: u32,
        /// Of b02 only the points whose names begin so.
        #[arg(long, default_value = "")]
        at: String,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Write(options) => write::run(options).await,
        Command::Relay(options) => relay::run(options).await,
        Command::Consume(options) => consume::run(options).await,
        Command::Replay(options) => replay::run(options).await,
        Command::Republish(options) => republish::run(options).await,
        Command::Check { history } => {
            let verdict = check::all(&history::read(&history)?);
            verdict.examples().iter().for_each(|line| println!("{line}"));
            println!("{verdict}");
            ensure!(verdict.is_ok(), "the promise was not kept");
            Ok(())
        }
        Command::Run { name, seed, percent, at } => {
            let seed = seed.unwrap_or_else(schedule::seed);
            faults::fixture::write_through();
            run::run_full(name, seed, run::Part { percent }, &at, &std::env::current_exe()?).await
        }
    }
}
