//! B11: the relay's lead goes from process to process.

use crate::event::PUBLISHER;
use crate::figures::Spread;
use crate::history::{self, Entry, now};
use crate::process::Role;
use crate::process::say::Load;
use crate::proxy::{Network, Proxy};
use crate::schedule;
use crate::world::{Setting, Through, World};
use anyhow::{Context, Result, ensure};
use rand::seq::SliceRandom;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How a leader is made to lose the lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It dies.
    Kill,
    /// It stands still.
    Freeze,
    /// Its network swallows everything.
    Swallow,
    /// Its connections to the database are cut.
    Cut,
}

/// Leads are written down by a failpoint that does nothing.
const LEADS: &str = "relay.leads";

/// Within this time somebody else has to publish.
const LIMIT: Duration = Duration::from_secs(12);

/// Far more than anything takes: a busy machine is no failure, and `LIMIT` is checked afterwards.
const PATIENCE: Duration = Duration::from_secs(120);

/// Makes three relays take over from each other so many times; all ways come up in five times.
pub async fn run(takeovers: usize, seed: u64, program: &Path) -> Result<()> {
    let world = World::new(Setting::of("b11", seed, program)).await?;
    let mut networks: BTreeMap<String, Proxy> = BTreeMap::new();
    for _ in 0..3 {
        let network = Proxy::before(world.databases.port()?).await?;
        let through = Through { database: network.port(), ..world.usual()? };
        let who = world.relay_through(through, &[], &format!("{LEADS}=delay:0@1+"))?;
        networks.insert(who, network);
    }
    world.listen(&[], "")?;
    // More than the takeovers can last: the writer is ended after them.
    let load = Load { keys: 50, rate: Some(50.0), ..Load::of(seed, 10_000_000) };
    world.say(&load, "")?;
    let mut leader = next_leader(&world, 0).await?;
    let mut ways = [Way::Swallow, Way::Freeze, Way::Kill, Way::Cut, Way::Kill];
    ways.shuffle(&mut schedule::random(seed, "ways"));
    for way in ways.into_iter().cycle().take(takeovers) {
        // Events flow again, and all three are there.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let network = networks.get(&leader).with_context(|| format!("{leader} has no network"))?;
        let at = now();
        world.done(&format!("take over by {way:?}"), &leader)?;
        let before = leader.clone();
        match way {
            Way::Kill => ensure!(world.supervisor.kill(&leader).await?, "{leader} has ended"),
            Way::Freeze => world.supervisor.freeze(&leader)?,
            Way::Swallow => network.becomes(Network::Swallows),
            Way::Cut => network.cut().await,
        }
        leader = next_leader(&world, at).await?;
        published_since(&world).await?;
        if way == Way::Freeze {
            world.supervisor.thaw(&before)?;
        }
        network.becomes(Network::Passes);
    }
    world.supervisor.take_down(Role::Say)?;
    world.quiet(PATIENCE).await?;
    let history = world.finish().await?.is_as_promised()?;
    let took = takeovers_of(&history);
    println!("  the next leader publishes after: {took}");
    ensure!(took.count == takeovers, "{} of {takeovers} takeovers happened", took.count);
    ensure!(took.max <= LIMIT, "a takeover lasted {:?}", took.max);
    Ok(())
}

/// Waits until somebody leads after that moment, and returns who.
async fn next_leader(world: &World, after: i64) -> Result<String> {
    let found = std::cell::RefCell::new(None);
    let leads = async || {
        let history = history::read(world.recorder.path())?;
        *found.borrow_mut() = history.into_iter().find_map(|entry| match entry {
            Entry::Hit { who, point, at } if point == LEADS && at > after => Some(who),
            _ => None,
        });
        Ok(found.borrow().is_some())
    };
    world.until("somebody leads", PATIENCE, leads).await?;
    found.into_inner().context("nobody leads")
}

/// Waits until something that is said from now on is published.
async fn published_since(world: &World) -> Result<()> {
    let said = world.ask(PUBLISHER, "select coalesce(max(seq), 0)::bigint from outbox").await?;
    let ask =
        format!("select count(*) from outbox where seq > {said} and published_at is not null");
    let published = async || Ok(world.ask(PUBLISHER, &ask).await? > 0);
    world.until("the next leader publishes", PATIENCE, published).await
}

/// From the loss of the lead to the first event that the next leader published.
fn takeovers_of(history: &[Entry]) -> Spread {
    let mut leads = Vec::new();
    let mut lost = Vec::new();
    let mut stored = Vec::new();
    for entry in history {
        match entry {
            Entry::Hit { point, at, .. } if point == LEADS => leads.push(*at),
            Entry::Done { what, at, .. } if what.starts_with("take over") => lost.push(*at),
            Entry::Stored(message) => stored.push(message.at),
            _ => {}
        }
    }
    let after = |all: &[i64], at: i64| all.iter().copied().filter(|later| *later > at).min();
    Spread::of(lost.into_iter().filter_map(|at| Some(after(&stored, after(&leads, at)?)? - at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Stored;

    #[test]
    fn a_takeover_ends_with_what_the_next_leader_publishes() {
        let hit = |at| Entry::Hit { who: "relay-1".into(), point: LEADS.into(), at };
        let lost = Entry::Done { what: "take over by Kill".into(), who: "relay-0".into(), at: 10 };
        let stored = |at| {
            let key = "k".to_owned();
            Entry::Stored(Stored { position: 1, at, id: None, key, version: 1, mark: None })
        };
        // What the old one had sent already does not count.
        let history = [hit(1), stored(5), lost, stored(11), hit(20), stored(23)];
        assert_eq!(takeovers_of(&history).max, Duration::from_micros(13));
    }
}
