//! The ports of the mesh's processes.

use super::paths::Paths;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use stack::write_private;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

/// Name of the process that serves all roles.
pub const ALL: &str = "all";

/// Ports of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Port of gRPC.
    pub grpc: u16,
    /// Port of the admin pages.
    pub admin: u16,
    /// Port of JSON over HTTP.
    pub http: u16,
}

/// Ports by role, stored so that addresses stay the same.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct PortMap(BTreeMap<String, Ports>);

impl PortMap {
    /// Reads the stored map; empty if there is none.
    pub fn read(paths: &Paths) -> Self {
        let text = std::fs::read(paths.dev().join("ports.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Assigns ports to a role that does not run: those it had before if free, else the default ones, else other free ones.
    pub fn assign(&mut self, role: &str) -> Result<Ports> {
        let default = default_ports(role);
        let before = self.0.remove(role).unwrap_or(default);
        let taken: Vec<u16> =
            self.0.values().flat_map(|ports| [ports.grpc, ports.admin, ports.http]).collect();
        let ports = Ports {
            grpc: free(&[before.grpc, default.grpc], &taken)?,
            admin: free(&[before.admin, default.admin], &taken)?,
            http: free(&[before.http, default.http], &taken)?,
        };
        self.0.insert(role.to_owned(), ports);
        Ok(ports)
    }

    /// The assigned ports of a role.
    pub fn of(&self, role: &str) -> Option<Ports> {
        self.0.get(role).copied()
    }

    /// Stores the map.
    pub fn write(&self, paths: &Paths) -> Result<()> {
        write_private(&paths.dev().join("ports.json"), &serde_json::to_string_pretty(self)?)
    }
}

impl Ports {
    /// Address of gRPC.
    pub fn grpc(&self) -> String {
        format!("127.0.0.1:{}", self.grpc)
    }

    /// Address of JSON over HTTP.
    pub fn http(&self) -> String {
        format!("127.0.0.1:{}", self.http)
    }

    /// Address of the admin pages.
    pub fn admin(&self) -> String {
        format!("127.0.0.1:{}", self.admin)
    }
}

/// Default ports: those of `souk serve all` are documented; separate roles use the ones after them.
fn default_ports(role: &str) -> Ports {
    let offset =
        crate::role_names().iter().position(|own| *own == role).map_or(0, |index| index + 1);
    let offset = u16::try_from(offset).unwrap_or_default();
    Ports { grpc: 50_051 + offset, admin: 9_090 + offset, http: 8_080 + offset }
}

/// The first of the wanted ports that is free, else the next free one after them.
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
    fn a_taken_port_is_skipped_and_an_assigned_one_is_kept() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(free(&[port], &[]).unwrap() > port);
        let mut port_map = PortMap::default();
        let ports = port_map.assign("catalog").unwrap();
        assert_eq!(port_map.assign("catalog").unwrap(), ports);
        let other = port_map.assign("pricing").unwrap();
        assert!(
            ![other.grpc, other.admin, other.http].iter().any(|port| [
                ports.grpc,
                ports.admin,
                ports.http
            ]
            .contains(port))
        );
    }
}
