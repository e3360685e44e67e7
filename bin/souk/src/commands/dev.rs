//! The development stack: servers, databases, keys and the mesh, on this machine, below `.souk` in the current folder.

mod demo;
mod down;
mod health;
mod places;
mod ports;
mod process;
mod secrets;
mod status;
mod up;

use super::generate::Generate;
use anyhow::Result;
use clap::{Args, Subcommand};

/// Runs everything on this machine.
#[derive(Debug, Subcommand)]
pub enum Dev {
    /// Start servers and mesh in the background, and return when they are ready. Calling it again changes nothing.
    Up(Up),
    /// Stop the mesh and its servers, and the servers of tests; the data stays.
    Down,
    /// Start everything, fill the shop, and print what to try.
    Demo,
    /// Print what runs, and where.
    Status,
    /// Write the documentation that is generated.
    Gen(Generate),
}

/// What to start.
#[derive(Debug, Args)]
pub struct Up {
    /// Roles that get a process and ports of their own, as in production; none: all in one process.
    #[arg(value_parser = super::role_names())]
    roles: Vec<String>,
}

impl Dev {
    /// Runs one of them.
    pub async fn run(self) -> Result<()> {
        match self {
            Self::Up(Up { roles }) => up::up(&roles).await,
            Self::Down => down::down().await,
            Self::Demo => demo::demo().await,
            Self::Status => status::status().await,
            Self::Gen(generate) => generate.run(),
        }
    }
}
