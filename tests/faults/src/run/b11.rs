//! B11: the relay's lead goes from process to process.

use crate::event::PUBLISHER;
use crate::figures::Spread;
use crate::fixture::{Fixture, Setting, Through};
use crate::history::{self, Entry, now};
use crate::process::Role;
use crate::process::write::Load;
use crate::proxy::{Network, Proxy};
use crate::schedule;
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
    /// Its network drops everything.
    Swallow,
    /// Its connections to the database are cut.
    Cut,
}

/// Leads are recorded by a failpoint that does nothing.
const LEADS: &str = "relay.leads";

/// Within this time another relay has to publish.
const MAX_TAKEOVER: Duration = Duration::from_secs(12);

/// Far longer than anything takes, so that a busy machine fails no run; `MAX_TAKEOVER` is checked afterwards.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Makes three relays take over from each other so many times; five times include all ways.
pub async fn run(takeovers: usize, seed: u64, program: &Path) -> Result<()> {
    let fixture = Fixture::new(Setting::of("b11", seed, program)).await?;
    let mut networks: BTreeMap<String, Proxy> = BTreeMap::new();
    for _ in 0..3 {
        let network = Proxy::before(fixture.databases.port()?).await?;
        let through = Through { database: network.port(), ..fixture.direct()? };
        let who = fixture.start_relay_through(through, &[], &format!("{LEADS}=delay:0@1+"))?;
        networks.insert(who, network);
    }
    fixture.start_consumer(&[], "")?;
    // More than the takeovers can last: the writer is ended after them.
    let load = Load { keys: 50, rate: Some(50.0), ..Load::of(seed, 10_000_000) };
    fixture.start_writer(&load, "")?;
    let mut leader = next_leader(&fixture, 0).await?;
    let mut ways = [Way::Swallow, Way::Freeze, Way::Kill, Way::Cut, Way::Kill];
    ways.shuffle(&mut schedule::random(seed, "ways"));
    for way in ways.into_iter().cycle().take(takeovers) {
        // Events are published again, and all three relays run.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let network = networks.get(&leader).with_context(|| format!("{leader} has no network"))?;
        let at = now();
        fixture.record(&format!("take over by {way:?}"), &leader)?;
        let before = leader.clone();
        match way {
            Way::Kill => ensure!(fixture.supervisor.kill(&leader).await?, "{leader} has ended"),
            Way::Freeze => fixture.supervisor.freeze(&leader)?,
            Way::Swallow => network.set(Network::Drops),
            Way::Cut => network.cut().await,
        }
        leader = next_leader(&fixture, at).await?;
        published_since(&fixture).await?;
        if way == Way::Freeze {
            fixture.supervisor.thaw(&before)?;
        }
        network.set(Network::Passes);
    }
    fixture.supervisor.take_down(Role::Write)?;
    fixture.quiet(TIMEOUT).await?;
    let history = fixture.finish().await?.is_as_promised()?;
    let took = takeovers_of(&history);
    println!("  the next leader publishes after: {took}");
    ensure!(took.count == takeovers, "{} of {takeovers} takeovers happened", took.count);
    ensure!(took.max <= MAX_TAKEOVER, "a takeover lasted {:?}", took.max);
    Ok(())
}

/// Waits until a relay leads after that moment, and returns its name.
async fn next_leader(fixture: &Fixture, after: i64) -> Result<String> {
    let found = std::cell::RefCell::new(None);
    let leads = async || {
        let history = history::read(fixture.recorder.path())?;
        *found.borrow_mut() = history.into_iter().find_map(|entry| match entry {
            Entry::Hit { who, point, at } if point == LEADS && at > after => Some(who),
            _ => None,
        });
        Ok(found.borrow().is_some())
    };
    fixture.until("a relay leads", TIMEOUT, leads).await?;
    found.into_inner().context("no relay leads")
}

/// Waits until something that is committed from now on is published.
async fn published_since(fixture: &Fixture) -> Result<()> {
    let last = fixture.query(PUBLISHER, "select coalesce(max(seq), 0)::bigint from outbox").await?;
    let ask =
        format!("select count(*) from outbox where seq > {last} and published_at is not null");
    let published = async || Ok(fixture.query(PUBLISHER, &ask).await? > 0);
    fixture.until("the next leader publishes", TIMEOUT, published).await
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
        // What the old leader had sent already does not count.
        let history = [hit(1), stored(5), lost, stored(11), hit(20), stored(23)];
        assert_eq!(takeovers_of(&history).max, Duration::from_micros(13));
    }
}
