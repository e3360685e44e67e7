use crate::auth::Identity;
use crate::listener::Peer;
use axum::extract::Request;
use http::HeaderMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Who is limited: a subject, or an address where there is none. The kinds are kept apart, since a subject may look like an address.
#[derive(Debug, Clone)]
pub(super) struct CallerKey {
    pub(super) kind: &'static str,
    pub(super) key: String,
}

/// Whose limits a call counts towards.
pub(super) fn caller(trusted_proxies: usize, identity: &Identity, request: &Request) -> CallerKey {
    if identity.token.is_some() {
        let key = format!("subject {}", identity.caller.subject);
        return CallerKey { kind: "subject", key };
    }
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let address = address(peer, request.headers(), trusted_proxies);
    CallerKey { kind: "address", key: format!("address {address}") }
}

/// The address of a caller behind so many proxies, each of which added whom it was called by to the right of `x-forwarded-for`. What
/// stands further left was written by the caller itself, who may write anything.
pub(crate) fn address(peer: Option<IpAddr>, headers: &HeaderMap, proxies: usize) -> String {
    let values = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    // A call that came by fewer proxies is known by the first of them.
    let written = hops.iter().rev().take(proxies).next_back().and_then(|hop| parse(hop));
    written.or(peer).map_or_else(|| "unknown".to_owned(), |address| network(address).to_string())
}

fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Whoever has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn by(forwarded: &[&'static str], proxies: usize) -> String {
        let name = HeaderName::from_static("x-forwarded-for");
        let lines = forwarded.iter().map(|line| (name.clone(), HeaderValue::from_static(line)));
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(name, line);
        }
        address(Some([10, 0, 0, 1].into()), &headers, proxies)
    }

    #[test]
    fn proxies_are_counted_from_the_right() {
        let lines = ["9.9.9.9, 1.1.1.1", "2.2.2.2"];
        assert_eq!(by(&lines, 0), "10.0.0.1");
        assert_eq!(by(&lines, 1), "2.2.2.2");
        assert_eq!(by(&lines, 2), "1.1.1.1");
        assert_eq!(by(&["1.1.1.1"], 2), "1.1.1.1");
        assert_eq!(by(&[], 1), "10.0.0.1");
    }

    #[test]
    fn an_address_may_have_a_port_and_what_is_none_counts_as_the_peers() {
        assert_eq!(by(&["1.1.1.1:80"], 1), "1.1.1.1");
        assert_eq!(by(&["[2001:db8::7]:80"], 1), "2001:db8::");
        assert_eq!(by(&["unknown"], 1), "10.0.0.1");
    }

    #[test]
    fn the_addresses_of_a_network_are_one_caller() {
        assert_eq!(by(&["2001:db8:0:1:a:b:c:d"], 1), by(&["2001:db8:0:1::9"], 1));
        assert_ne!(by(&["2001:db8:0:1::9"], 1), by(&["2001:db8:0:2::9"], 1));
        assert_eq!(by(&["::ffff:1.1.1.1"], 1), "1.1.1.1");
    }
}
