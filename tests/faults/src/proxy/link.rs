//! One connection through the proxy.

use super::{Network, Weather};
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

/// Bytes that are read at once, and that wait at most while the network lags.
const CHUNK: usize = 64 * 1024;
const WAITING: usize = 16 * 1024 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Request,
    Answer,
}

/// Why a direction of a connection ended.
enum Ended {
    /// One side said that it has nothing more to say.
    Closed,
    /// The connection is to be reset.
    Cut,
    /// The connection is to stay as it is, without a word.
    Forgotten,
}

/// Passes bytes both ways until one side or the network ends it.
pub(super) async fn run(client: TcpStream, server: TcpStream, seen: watch::Receiver<Weather>) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let passed = AtomicU64::new(0);
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let ended = {
        let requests = pass(Way::Request, &mut from_client, &mut to_server, seen.clone(), &passed);
        let answers = pass(Way::Answer, &mut from_server, &mut to_client, seen, &passed);
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
            // Dropping them would say goodbye first.
            to_client.forget();
            to_server.forget();
        }
        // One that ends its side does not end the other's.
        Ok(Ended::Forgotten) => {
            tokio::join!(swallow(from_client), swallow(from_server));
        }
    }
}

/// Takes what is said until whoever says it ends.
async fn swallow(mut from: OwnedReadHalf) {
    let mut buffer = vec![0; CHUNK];
    while from.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

async fn pass(
    way: Way,
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut seen: watch::Receiver<Weather>,
    passed: &AtomicU64,
) -> io::Result<Ended> {
    let mut buffer = vec![0; CHUNK];
    let mut late: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut waiting = 0;
    let mut swallowed = false;
    let mut closed = false;
    let forgets = seen.borrow().forgets;
    loop {
        let due = late.front().map(|(due, _)| *due);
        if closed && due.is_none() {
            return Ok(Ended::Closed);
        }
        tokio::select! {
            biased;
            changed = seen.changed() => {
                let weather = *seen.borrow_and_update();
                if weather.forgets != forgets {
                    return Ok(Ended::Forgotten);
                }
                let network = weather.network;
                passed.store(0, Ordering::Relaxed);
                let whole = matches!(network, Network::Passes | Network::Lags(..));
                if changed.is_err() || network == Network::Refuses || (swallowed && whole) {
                    return Ok(Ended::Cut);
                }
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let Some((_, bytes)) = late.pop_front() else { continue };
                waiting -= bytes.len();
                to.write_all(&bytes).await?;
            }
            read = from.read(&mut buffer), if !closed && waiting < WAITING => {
                let read = read?;
                closed = read == 0;
                let mut bytes = &buffer[..read];
                let network = seen.borrow().network;
                match network {
                    Network::Swallows => swallowed = true,
                    Network::SwallowsRequests if way == Way::Request => swallowed = true,
                    Network::SwallowsAnswers if way == Way::Answer => swallowed = true,
                    Network::Lags(least, most) => {
                        late.push_back((Instant::now() + between(least, most), bytes.to_vec()));
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
                    // What is late goes first.
                    _ if !late.is_empty() => {
                        late.push_back((Instant::now(), bytes.to_vec()));
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
