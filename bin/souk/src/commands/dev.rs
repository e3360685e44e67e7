//! The development stack on this machine: servers, databases, keys and the mesh. All its files are in `.souk` in the current folder.

mod demo;
mod down;
mod health;
mod paths;
mod ports;
mod process;
mod secrets;
mod status;
mod up;

use super::generate::Generate;
use crate::roles;
use anyhow::Result;
use clap::{Args, Subcommand};

/// Runs everything on this machine.
#[derive(Debug, Subcommand)]
pub enum Dev {
    /// Start servers and mesh in the background, and return when they are ready. If they run already it changes nothing.
    Up(Up),
    /// Stop the mesh and its servers, and the servers of tests; the data is kept.
    Down,
    /// Start everything, fill the shop, and print what to try.
    Demo,
    /// Print what runs, and where.
    Status,
    /// Write generated documentation and golden files.
    Gen(Generate),
}

/// What to start.
#[derive(Debug, Args)]
pub struct Up {
    /// Roles to run in separate processes, as in production; default: all in one process.
    #[arg(value_parser = roles::accepted())]
    roles: Vec<String>,
}

impl Dev {
    /// Runs the command.
    pub async fn run(self) -> Result<()> {
        match self {
            Self::Up(Up { roles }) => up::up(&roles).await,
            Self::Down => down::down().await,
            Self::Demo => demo::demo().await,
            Self::Status => status::status().await,
            Self::Gen(generate) => generate.run().await,
        }
    }
}
