//! Size of the workloads.

use anyhow::{Context, Result, bail};

/// Size of the workloads.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Events of each backlog.
    pub backlog: usize,
    /// Events a second of the steady load.
    pub rate: u64,
    /// Seconds of each steady load.
    pub seconds: u64,
    /// Keys, and with them the order of everything, are derived from it.
    pub seed: u64,
}

impl Size {
    /// Reads the arguments of the command.
    pub fn of(arguments: &[String]) -> Result<Self> {
        let mut size = Self { backlog: 100_000, rate: 500, seconds: 20, seed: rand::random() };
        let mut left = arguments.iter();
        while let Some(argument) = left.next() {
            match argument.as_str() {
                "--quick" => (size.backlog, size.seconds) = (10_000, 4),
                "--seed" => size.seed = left.next().context("--seed needs a number")?.parse()?,
                other => {
                    bail!("unknown argument {other}; usage: bench events [--quick] [--seed N]")
                }
            }
        }
        Ok(size)
    }
}
