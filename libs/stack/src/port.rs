//! Ports for servers that may be killed and restarted.

use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// The lowest port to use, above those of common servers.
const MIN_PORT: u16 = 20_000;

/// The wanted port if it is free, else another free one.
pub fn free(wanted: Option<u16>) -> Result<u16> {
    match wanted {
        Some(port) if is_free(port) => Ok(port),
        _ => pick(),
    }
}

/// Whether a server can listen on a port now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A free port below the kernel's range of ephemeral ports. A port inside that range could be taken by
/// a client while a killed server restarts, and a client that keeps connecting to it could even be
/// connected to itself.
fn pick() -> Result<u16> {
    let count = first_ephemeral().saturating_sub(MIN_PORT);
    for _ in 0..200 {
        if count < 100 {
            break;
        }
        // RandomState is the standard library's source of randomness.
        let random = std::hash::RandomState::new().build_hasher().finish();
        let port = MIN_PORT + u16::try_from(random % u64::from(count)).unwrap_or_default();
        if is_free(port) {
            return Ok(port);
        }
    }
    let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(any.local_addr().context("find a free port")?.port())
}

fn first_ephemeral() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_replaced_by_a_free_one() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, pick().unwrap())).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(!is_free(port));
        assert_ne!(free(Some(port)).unwrap(), port);
        drop(taken);
        assert_eq!(free(Some(port)).unwrap(), port);
    }
}
