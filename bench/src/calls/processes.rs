//! Processor time of the mesh and of PostgreSQL.

use crate::client::Mesh;
use anyhow::{Context, Result};
use std::fs;

/// Kernel clock ticks a second.
const TICKS: f64 = 100.0;

/// The processes of `./dev up`.
pub struct Processes {
    souk: u32,
    postmaster: u32,
}

/// Seconds of processor time until now.
pub struct Cpu {
    pub souk: f64,
    pub postgres: f64,
}

impl Processes {
    pub fn find(mesh: &Mesh) -> Result<Self> {
        let pid = |name: &str| -> Result<u32> {
            mesh.variable(name)
                .context("no pid: start the mesh with ./dev up, all in one process")?
                .parse()
                .context("a pid")
        };
        Ok(Self { souk: pid("SOUK_PID_ALL")?, postmaster: pid("SOUK_PID_POSTGRES")? })
    }

    pub fn cpu(&self) -> Result<Cpu> {
        let mut postgres = 0.0;
        for entry in fs::read_dir("/proc")? {
            let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
            let Some(stat) = Stat::read(pid) else { continue };
            if pid == self.postmaster {
                // Those that have ended count with their parent.
                postgres += stat.own + stat.children;
            } else if stat.parent == self.postmaster {
                postgres += stat.own;
            }
        }
        let souk = Stat::read(self.souk).context("the mesh is gone")?.own;
        Ok(Cpu { souk, postgres })
    }
}

struct Stat {
    parent: u32,
    own: f64,
    children: f64,
}

impl Stat {
    /// None where the process has ended.
    fn read(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold blanks.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: (ticks(11)? + ticks(12)?) / TICKS,
            children: (ticks(13)? + ticks(14)?) / TICKS,
        })
    }
}
