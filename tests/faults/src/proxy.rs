//! A network that can be made bad: stands before a server, and passes, delays, cuts or swallows what goes through it.

mod link;

use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Passes everything at once.
    Passes,
    /// Passes everything later, by a time between the two.
    Lags(Duration, Duration),
    /// Resets every connection, new ones too.
    Refuses,
    /// Takes everything and passes nothing; connections stay open and new ones are accepted.
    Swallows,
    /// Swallows what the clients say and passes what the server says.
    SwallowsRequests,
    /// Passes what the clients say and swallows what the server says.
    SwallowsAnswers,
    /// Resets a connection after it has passed so many bytes from now on, in both directions together.
    CutsAfter(u64),
}

/// What the links of a proxy look at.
#[derive(Debug, Clone, Copy)]
struct Weather {
    network: Network,
    /// How often it forgot the connections that were open.
    forgets: u64,
}

/// The network before one server. What goes through it ends with it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a port of its own for what is meant for the server on `port` of this machine.
    pub async fn before(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("listen as a proxy")?;
        let address = listener.local_addr()?;
        let (weather, seen) = watch::channel(Weather { network: Network::Passes, forgets: 0 });
        Ok(Self { address, weather, accepting: tokio::spawn(accept(listener, port, seen)) })
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes what the network does, for open connections too. A connection of which something was swallowed is reset as
    /// soon as the network is whole again: what is missing would be taken for what comes.
    pub fn becomes(&self, network: Network) {
        self.weather.send_modify(|weather| weather.network = network);
    }

    /// Forgets all open connections, as a router does that was started again: neither side is told, and nothing that either
    /// says gets through any more. New connections are fine.
    pub fn forget(&self) {
        self.weather.send_modify(|weather| weather.forgets += 1);
    }

    /// Resets all connections once; new ones are fine.
    pub async fn cut(&self) {
        self.becomes(Network::Refuses);
        // Long enough for each of them to notice, since they are woken.
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.becomes(Network::Passes);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, port: u16, seen: watch::Receiver<Weather>) {
    let mut links = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        while links.try_join_next().is_some() {}
        let Ok((client, _)) = accepted else { continue };
        links.spawn(link(client, port, seen.clone()));
    }
}

async fn link(client: TcpStream, port: u16, seen: watch::Receiver<Weather>) {
    if seen.borrow().network == Network::Refuses {
        let _ = client.set_zero_linger();
        return;
    }
    if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
        link::run(client, server, seen).await;
    } else {
        let _ = client.set_zero_linger();
    }
}

#[cfg(test)]
mod tests;
