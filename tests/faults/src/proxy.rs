//! A proxy before a server that passes, delays, cuts or drops what goes through it.

mod link;
mod network;

pub use network::Network;

use anyhow::{Context, Result};
use network::State;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The network before one server. What goes through it ends with it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a port of its own for connections to the server on `port` of this machine.
    pub async fn before(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("listen as a proxy")?;
        let address = listener.local_addr()?;
        let (sender, state) = watch::channel(State { network: Network::Passes, half_opened: 0 });
        let accepting = tokio::spawn(accept(listener, port, state));
        Ok(Self { address, state: sender, accepting })
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes what the network does, for open connections too. A connection of which something was dropped is reset as
    /// soon as the network passes again, since what follows the gap would be misread.
    pub fn set(&self, network: Network) {
        self.state.send_modify(|state| state.network = network);
    }

    /// Makes all open connections half-open, as a router does that was restarted: neither side is notified, and nothing gets
    /// through any more. New connections are fine.
    pub fn half_open(&self) {
        self.state.send_modify(|state| state.half_opened += 1);
    }

    /// Resets all connections once; new ones are fine.
    pub async fn cut(&self) {
        self.set(Network::Refuses);
        // Long enough for each connection to react, since they are woken.
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.set(Network::Passes);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, port: u16, state: watch::Receiver<State>) {
    let mut links = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        while links.try_join_next().is_some() {}
        let Ok((client, _)) = accepted else { continue };
        links.spawn(link(client, port, state.clone()));
    }
}

async fn link(client: TcpStream, port: u16, state: watch::Receiver<State>) {
    if state.borrow().network == Network::Refuses {
        let _ = client.set_zero_linger();
        return;
    }
    if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
        link::run(client, server, state).await;
    } else {
        let _ = client.set_zero_linger();
    }
}

#[cfg(test)]
mod tests;
