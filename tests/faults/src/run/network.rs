//! The network: each link between a process and a server is bad in every way, by itself and together with the others.

use crate::figures;
use crate::history::Entry;
use crate::process::Role;
use crate::process::say::Load;
use crate::proxy::{Network, Proxy};
use crate::schedule;
use crate::world::{Setting, Through, World};
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
    Lags,
    /// It swallows what one side says, or both.
    Swallows,
    /// It forgets its connections, which nobody is told.
    Forgets,
}

const TROUBLES: [Trouble; 5] = {
    use Trouble::{Cut, CutsAfter, Forgets, Lags, Swallows};
    [Cut, CutsAfter, Lags, Swallows, Forgets]
};

/// Longer than anybody waits for an answer.
const SILENCE: Duration = Duration::from_secs(6);

/// Within this time it is noticed that a connection was forgotten: the next trouble is to meet whoever is well again.
const NOTICED: Duration = Duration::from_secs(12);

/// Far more than anything takes: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(180);

/// Makes each of four links bad in each way so many times, in an order of its own.
pub async fn run(rounds: usize, seed: u64, program: &Path) -> Result<()> {
    let world = World::new(Setting::of("network", seed, program)).await?;
    let (broker, database) = (world.nats.port(), world.databases.port()?);
    let links = [
        ("relays to broker", Proxy::before(broker).await?),
        ("relays to database", Proxy::before(database).await?),
        ("listeners to broker", Proxy::before(broker).await?),
        ("listeners to databases", Proxy::before(database).await?),
    ];
    let through = |broker: usize, database: usize| Through {
        broker: links[broker].1.port(),
        database: links[database].1.port(),
    };
    for _ in 0..2 {
        world.relay_through(through(0, 1), &[], "")?;
        world.listen_through(through(2, 3), &[], "")?;
    }
    // More than the troubles can last: the writer is ended after them.
    let load = Load { keys: 100, writers: 2, rate: Some(50.0), ..Load::of(seed, 10_000_000) };
    world.say(&load, "")?;
    world.until_said(100, PATIENCE).await?;
    let worse = links.iter().map(|(name, link)| worsen(&world, name, link, rounds));
    futures::future::try_join_all(worse).await?;
    world.supervisor.take_down(Role::Say)?;
    world.phase("after")?;
    world.quiet(PATIENCE).await?;
    world.phase("end")?;
    let history = world.finish().await?.is_as_promised()?;
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

async fn worsen(world: &World, name: &str, link: &Proxy, rounds: usize) -> Result<()> {
    let mut random = schedule::random(world.setting.seed, name);
    for _ in 0..rounds {
        let mut troubles = TROUBLES;
        troubles.shuffle(&mut random);
        for trouble in troubles {
            world.done(&format!("trouble {trouble:?}"), name)?;
            make(link, trouble, &mut random).await;
            link.becomes(Network::Passes);
            // Something gets through before the next one.
            tokio::time::sleep(Duration::from_millis(random.random_range(500..1500))).await;
        }
    }
    Ok(())
}

async fn make(link: &Proxy, trouble: Trouble, random: &mut StdRng) {
    match trouble {
        Trouble::Cut => link.cut().await,
        Trouble::CutsAfter => {
            link.becomes(Network::CutsAfter(random.random_range(100..20_000)));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Trouble::Lags => {
            link.becomes(Network::Lags(Duration::from_millis(20), Duration::from_millis(80)));
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        Trouble::Swallows => {
            use Network::{Swallows, SwallowsAnswers, SwallowsRequests};
            let any = [Swallows, SwallowsRequests, SwallowsAnswers];
            link.becomes(any[random.random_range(0..any.len())]);
            tokio::time::sleep(SILENCE).await;
        }
        Trouble::Forgets => {
            link.forget();
            tokio::time::sleep(NOTICED).await;
        }
    }
}
