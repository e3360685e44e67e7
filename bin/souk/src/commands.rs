//! The commands. Settings come from, in order of precedence: flags, environment, configuration file, defaults.

pub mod flags;

// Operation.
mod config;
mod migrate;
mod serve;
pub(crate) mod token;

// Data.
mod export;
mod import;
/// Fills the shop with samples.
pub mod seed;

// Dead letters and the outbox.
mod dead;
mod duration;
mod json;
mod keys;
mod outbox;
mod timestamp;

// Development.
mod dev;
mod generate;

use crate::usage::Usage;
use anyhow::Result;
use clap::{Parser, Subcommand};
use mesh::BootError;
use mesh::config::Problems;

/// A commerce backend that runs as a mesh of gRPC services.
#[derive(Debug, Parser)]
#[command(name = "souk", version, max_term_width = 120, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration (every problem is named).";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve roles in this process until SIGTERM or SIGINT.
    Serve(serve::Serve),
    /// Bring databases up to date.
    Migrate(migrate::Migrate),
    /// Print a signed token.
    Token(token::Token),
    /// Make and replace the keys that sign tokens.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Print every setting: its value, where that comes from, and what it does.
    Config(config::Show),
    /// Import products or prices from JSON lines.
    #[command(subcommand)]
    Import(import::Import),
    /// Export products or prices as JSON lines that import reads.
    #[command(subcommand)]
    Export(export::Export),
    /// Fill the shop with a generated assortment.
    Seed(seed::Seed),
    /// Look at dead letters, the events that a service could not handle; replay or discard them.
    #[command(subcommand)]
    Dead(dead::Dead),
    /// Republish events that the broker has lost; look at those that it refuses, and retry them.
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    /// Run everything on this machine, servers included.
    #[command(subcommand)]
    Dev(dev::Dev),
}

/// Runs a command.
pub async fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Serve(command) => command.run().await,
        Command::Migrate(command) => command.run().await,
        Command::Token(command) => command.run(),
        Command::Keys(command) => command.run().await,
        Command::Config(command) => command.run(),
        Command::Import(command) => command.run().await,
        Command::Export(command) => command.run().await,
        Command::Seed(command) => command.run().await,
        Command::Dead(command) => command.run().await,
        Command::Outbox(command) => command.run().await,
        Command::Dev(command) => command.run().await,
    }
}

/// 2 for wrong usage or configuration, else 1.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let wrong = error.chain().any(|cause| {
        cause.is::<Usage>()
            || cause.is::<Problems>()
            || matches!(cause.downcast_ref(), Some(BootError::Configuration(_)))
    });
    if wrong { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usage_and_configuration_errors_have_their_own_exit_code() {
        let problems = || Problems(vec!["a".to_owned()]);
        let wrapped: Result<()> = Err(BootError::from(problems())).context("boot catalog");
        for error in [anyhow!(problems()), anyhow!(Usage("b".to_owned())), wrapped.unwrap_err()] {
            assert_eq!(exit_code(&error), 2, "{error:#}");
        }
        assert_eq!(exit_code(&anyhow!("the disk is full")), 1);
    }

    #[test]
    fn settings_are_flags() {
        let cli = Cli::try_parse_from(["souk", "serve", "all", "--grpc-listen", "0.0.0.0:1"]);
        let Command::Serve(serve) = cli.unwrap().command else { panic!("another command") };
        let (config, _) =
            serve.flags.load(&crate::environment::Environment::default(), |_, _| {}).unwrap();
        assert_eq!(config.server.grpc_listen.to_string(), "0.0.0.0:1");
    }
}
