//! One connection through the proxy.

use super::network::{Network, State};
use rand::Rng;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Bytes that are read at once, and that are buffered at most while the network delays.
const CHUNK: usize = 64 * 1024;
const MAX_BUFFERED: usize = 16 * 1024 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Answer,
}

/// Why a direction of a connection ended.
enum Ended {
    /// One side closed it.
    Closed,
    /// The connection is to be reset.
    Cut,
    /// The connection is to become half-open.
    HalfOpen,
}

/// Passes bytes both ways until one side or the network ends it.
pub(super) async fn run(client: TcpStream, server: TcpStream, state: watch::Receiver<State>) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let passed = AtomicU64::new(0);
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let ended = {
        let requests =
            pass(Direction::Request, &mut from_client, &mut to_server, state.clone(), &passed);
        let answers = pass(Direction::Answer, &mut from_server, &mut to_client, state, &passed);
        tokio::select! {
            ended = requests => ended,
            ended = answers => ended,
        }
    };
    match ended {
        Ok(Ended::Closed) => {}
        Ok(Ended::Cut) | Err(_) => {
            let _ = to_client.as_ref().set_zero_linger();
            let _ = to_server.as_ref().set_zero_linger();
            // Dropping them would close them in order first.
            to_client.forget();
            to_server.forget();
        }
        // When one side closes, the other one stays open.
        Ok(Ended::HalfOpen) => {
            tokio::join!(discard(from_client), discard(from_server));
        }
    }
}

/// Reads and drops until the sender closes.
async fn discard(mut from: OwnedReadHalf) {
    let mut buffer = vec![0; CHUNK];
    while from.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

async fn pass(
    direction: Direction,
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    passed: &AtomicU64,
) -> io::Result<Ended> {
    let mut buffer = vec![0; CHUNK];
    let mut delayed: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut waiting = 0;
    let mut has_dropped = false;
    let mut closed = false;
    let half_opened = state.borrow().half_opened;
    loop {
        let due = delayed.front().map(|(due, _)| *due);
        if closed && due.is_none() {
            return Ok(Ended::Closed);
        }
        tokio::select! {
            biased;
            changed = state.changed() => {
                let now = *state.borrow_and_update();
                if now.half_opened != half_opened {
                    return Ok(Ended::HalfOpen);
                }
                let network = now.network;
                passed.store(0, Ordering::Relaxed);
                let passes = matches!(network, Network::Passes | Network::Delays(..));
                if changed.is_err() || network == Network::Refuses || (has_dropped && passes) {
                    return Ok(Ended::Cut);
                }
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let Some((_, bytes)) = delayed.pop_front() else { continue };
                waiting -= bytes.len();
                to.write_all(&bytes).await?;
            }
            read = from.read(&mut buffer), if !closed && waiting < MAX_BUFFERED => {
                let read = read?;
                closed = read == 0;
                let mut bytes = &buffer[..read];
                let network = state.borrow().network;
                match network {
                    Network::Drops => has_dropped = true,
                    Network::DropsRequests if direction == Direction::Request => has_dropped = true,
                    Network::DropsAnswers if direction == Direction::Answer => has_dropped = true,
                    Network::Delays(least, most) => {
                        delayed.push_back((Instant::now() + between(least, most), bytes.to_vec()));
                        waiting += read;
                    }
                    Network::CutsAfter(limit) => {
                        let before = passed.fetch_add(length(read), Ordering::Relaxed);
                        let left = usize::try_from(limit.saturating_sub(before));
                        bytes = &bytes[..read.min(left.unwrap_or(usize::MAX))];
                        to.write_all(bytes).await?;
                        if before + length(read) >= limit {
                            return Ok(Ended::Cut);
                        }
                    }
                    // Delayed bytes go first.
                    _ if !delayed.is_empty() => {
                        delayed.push_back((Instant::now(), bytes.to_vec()));
                        waiting += read;
                    }
                    _ => to.write_all(bytes).await?,
                }
            }
        }
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn between(least: Duration, most: Duration) -> Duration {
    if least < most { rand::rng().random_range(least..most) } else { least }
}
