//! A proxy to the database that a test can cut at a COMMIT, and that can leave new connections unanswered.

use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Where the next COMMIT is lost.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Cut {
    Nothing = 0,
    /// Before it reaches the server.
    Before = 1,
    /// After the server has committed, before its answer reaches the client.
    After = 2,
}

/// Forwards to the server until it is cut; each cut applies to one COMMIT.
pub struct Proxy {
    port: u16,
    cut: Arc<AtomicU8>,
    stalled: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts a proxy to the server of this URL.
    pub async fn to(url: &SecretString) -> Self {
        let server = server(url.expose_secret()).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicU8::new(Cut::Nothing as u8));
        let stalled = Arc::<AtomicBool>::default();
        let (shared, stall) = (Arc::clone(&cut), Arc::clone(&stalled));
        tokio::spawn(async move {
            let mut unanswered = Vec::new();
            while let Ok((client, _)) = listener.accept().await {
                if stall.load(Ordering::SeqCst) {
                    unanswered.push(client);
                    continue;
                }
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(forward(client, server, Arc::clone(&shared)));
            }
        });
        Self { port, cut, stalled }
    }

    /// The URL through this proxy.
    pub fn url(&self, url: &SecretString) -> SecretString {
        let url = url.expose_secret();
        url.replacen(server(url), &format!("127.0.0.1:{}", self.port), 1).into()
    }

    pub fn cut(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// From now on new connections are taken and not answered, as by a server whose main process is frozen.
    pub fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    /// Whether the requested cut has happened.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == Cut::Nothing as u8
    }
}

/// `host:port` of a URL.
fn server(url: &str) -> &str {
    let address = url.split_once("://").unwrap().1.split(['/', '?']).next().unwrap();
    address.rsplit_once('@').map_or(address, |(_, server)| server)
}

async fn forward(client: TcpStream, server: TcpStream, cut: Arc<AtomicU8>) {
    let (mut client_read, mut client_write) = client.into_split();
    let (mut server_read, mut server_write) = server.into_split();
    // When one of them ends, all four halves are dropped, which closes both connections.
    tokio::select! {
        () = requests(&mut client_read, &mut server_write, &cut) => {}
        () = answers(&mut server_read, &mut client_write, &cut) => {}
    }
}

/// State after a COMMIT was forwarded whose answer is to be dropped.
const DROPPING_ANSWER: u8 = 3;

async fn requests(client: &mut OwnedReadHalf, server: &mut OwnedWriteHalf, cut: &AtomicU8) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = client.read(&mut buffer).await {
        let bytes = &buffer[..read];
        if bytes.windows(7).any(|bytes| bytes == b"COMMIT\0") {
            let now = |from: Cut, to: u8| {
                cut.compare_exchange(from as u8, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
            };
            if now(Cut::Before, Cut::Nothing as u8) {
                return;
            }
            now(Cut::After, DROPPING_ANSWER);
        }
        if server.write_all(bytes).await.is_err() {
            return;
        }
    }
}

async fn answers(server: &mut OwnedReadHalf, client: &mut OwnedWriteHalf, cut: &AtomicU8) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = server.read(&mut buffer).await {
        let nothing = Cut::Nothing as u8;
        if cut
            .compare_exchange(DROPPING_ANSWER, nothing, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
        {
            return;
        }
        if client.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
