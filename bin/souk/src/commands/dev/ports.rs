//! Which processes make up the mesh, and on which ports each serves.

use super::places::{Places, write_private};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

/// The one process that serves every role.
pub const ALL: &str = "all";

/// Ports of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Of gRPC.
    pub grpc: u16,
    /// Of the admin pages.
    pub admin: u16,
}

/// Ports by role, kept so that addresses stay the same.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Ledger(BTreeMap<String, Ports>);

impl Ledger {
    /// Reads it; where there is none, an empty one.
    pub fn read(places: &Places) -> Self {
        let text = std::fs::read(places.dev().join("ports.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Ports of a role that does not run: the usual ones, else those it had before, else others that are free.
    pub fn assign(&mut self, role: &str) -> Result<Ports> {
        let usual = usual(role);
        let before = self.0.remove(role).unwrap_or(usual);
        let taken: Vec<u16> = self.0.values().flat_map(|ports| [ports.grpc, ports.admin]).collect();
        let ports = Ports {
            grpc: free(&[usual.grpc, before.grpc], &taken)?,
            admin: free(&[usual.admin, before.admin], &taken)?,
        };
        self.0.insert(role.to_owned(), ports);
        Ok(ports)
    }

    /// Ports of a role that was assigned some.
    pub fn of(&self, role: &str) -> Option<Ports> {
        self.0.get(role).copied()
    }

    /// Keeps it.
    pub fn write(&self, places: &Places) -> Result<()> {
        write_private(&places.dev().join("ports.json"), &serde_json::to_string_pretty(self)?)
    }
}

impl Ports {
    /// Address of gRPC.
    pub fn grpc(&self) -> String {
        format!("127.0.0.1:{}", self.grpc)
    }

    /// Address of the admin pages.
    pub fn admin(&self) -> String {
        format!("127.0.0.1:{}", self.admin)
    }
}

/// Those of `souk serve all` are promised; roles that run apart follow them.
fn usual(role: &str) -> Ports {
    let place =
        crate::role_names().iter().position(|own| *own == role).map_or(0, |place| place + 1);
    let place = u16::try_from(place).unwrap_or_default();
    Ports { grpc: 50_051 + place, admin: 9_090 + place }
}

/// The first of the wanted ports that is free, or the next that is.
fn free(wanted: &[u16], taken: &[u16]) -> Result<u16> {
    let next = wanted.iter().max().map(|last| last + 1..last.saturating_add(500));
    let all = wanted.iter().copied().chain(next.into_iter().flatten());
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let mut free = all.filter(|port| !taken.contains(port)).filter(is_free);
    free.next().with_context(|| format!("find a free port near {wanted:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over_and_an_assigned_one_is_kept() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(free(&[port], &[]).unwrap() > port);
        let mut ledger = Ledger::default();
        let ports = ledger.assign("catalog").unwrap();
        assert_eq!(ledger.assign("catalog").unwrap(), ports);
        let other = ledger.assign("pricing").unwrap();
        assert!(
            ![other.grpc, other.admin].iter().any(|port| [ports.grpc, ports.admin].contains(port))
        );
    }
}
