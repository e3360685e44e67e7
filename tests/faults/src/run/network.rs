//! The network: each link between a process and a server is bad in every way, by itself and together with the others.

use crate::figures;
use crate::fixture::{Fixture, Setting, Through};
use crate::history::Entry;
use crate::process::Role;
use crate::process::write::Load;
use crate::proxy::{Network, Proxy};
use crate::schedule;
use anyhow::{Result, ensure};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::path::Path;
use std::time::Duration;

/// How a link is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Its connections are reset.
    Cut,
    /// They are reset in the middle of something.
    CutsAfter,
    /// It is slow.
    Delays,
    /// It drops what one side sends, or both.
    Drops,
    /// Its connections become half-open.
    HalfOpen,
}

const TROUBLES: [Trouble; 5] = {
    use Trouble::{Cut, CutsAfter, Delays, Drops, HalfOpen};
    [Cut, CutsAfter, Delays, Drops, HalfOpen]
};

/// Longer than any process waits for an answer.
const DROP_TIME: Duration = Duration::from_secs(6);

/// Within this time a half-open connection is detected, so that the next trouble meets working connections.
const MAX_DETECTION: Duration = Duration::from_secs(12);

/// Far longer than anything takes, so that a busy machine fails no run.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Makes each of four links bad in each way so many times, in an order of its own.
pub async fn run(rounds: usize, seed: u64, program: &Path) -> Result<()> {
    let fixture = Fixture::new(Setting::of("network", seed, program)).await?;
    let (broker, database) = (fixture.nats.port(), fixture.databases.port()?);
    let links = [
        ("relays to broker", Proxy::before(broker).await?),
        ("relays to database", Proxy::before(database).await?),
        ("consumers to broker", Proxy::before(broker).await?),
        ("consumers to databases", Proxy::before(database).await?),
    ];
    let through = |broker: usize, database: usize| Through {
        broker: links[broker].1.port(),
        database: links[database].1.port(),
    };
    for _ in 0..2 {
        fixture.start_relay_through(through(0, 1), &[], "")?;
        fixture.start_consumer_through(through(2, 3), &[], "")?;
    }
    // More than the troubles can last: the writer is ended after them.
    let load = Load { keys: 100, writers: 2, rate: Some(50.0), ..Load::of(seed, 10_000_000) };
    fixture.start_writer(&load, "")?;
    fixture.until_committed(100, TIMEOUT).await?;
    let worse = links.iter().map(|(name, link)| worsen(&fixture, name, link, rounds));
    futures::future::try_join_all(worse).await?;
    fixture.supervisor.take_down(Role::Write)?;
    fixture.phase("after")?;
    fixture.quiet(TIMEOUT).await?;
    fixture.phase("end")?;
    let history = fixture.finish().await?.is_as_promised()?;
    let after = figures::phase(&history, "after").unwrap_or_default();
    println!("  all published and handled {:.1?} after the last trouble", micros(after));
    let troubles = history
        .iter()
        .filter(|entry| matches!(entry, Entry::Done { what, .. } if what.starts_with("trouble")));
    ensure!(troubles.count() == links.len() * TROUBLES.len() * rounds, "not all happened");
    Ok(())
}

fn micros((from, to): (i64, i64)) -> Duration {
    Duration::from_micros((to - from).max(0).unsigned_abs())
}

async fn worsen(fixture: &Fixture, name: &str, link: &Proxy, rounds: usize) -> Result<()> {
    let mut random = schedule::random(fixture.setting.seed, name);
    for _ in 0..rounds {
        let mut troubles = TROUBLES;
        troubles.shuffle(&mut random);
        for trouble in troubles {
            fixture.record(&format!("trouble {trouble:?}"), name)?;
            make(link, trouble, &mut random).await;
            link.set(Network::Passes);
            // The link works for a moment before the next one.
            tokio::time::sleep(Duration::from_millis(random.random_range(500..1500))).await;
        }
    }
    Ok(())
}

async fn make(link: &Proxy, trouble: Trouble, random: &mut StdRng) {
    match trouble {
        Trouble::Cut => link.cut().await,
        Trouble::CutsAfter => {
            link.set(Network::CutsAfter(random.random_range(100..20_000)));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Trouble::Delays => {
            link.set(Network::Delays(Duration::from_millis(20), Duration::from_millis(80)));
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        Trouble::Drops => {
            use Network::{Drops, DropsAnswers, DropsRequests};
            let any = [Drops, DropsRequests, DropsAnswers];
            link.set(any[random.random_range(0..any.len())]);
            tokio::time::sleep(DROP_TIME).await;
        }
        Trouble::HalfOpen => {
            link.half_open();
            tokio::time::sleep(MAX_DETECTION).await;
        }
    }
}
