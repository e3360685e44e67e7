//! B08: events that no handler can take, some of which are poison events.

use super::shared::{Part, TIMEOUT};
use crate::check::c2::{COUNTING, MENDED};
use crate::event::PUBLISHER;
use crate::fixture::{Fixture, SHARES, Setting};
use crate::history::Entry;
use crate::process::Role;
use crate::process::write::Load;
use crate::state;
use anyhow::{Context, Result, ensure};
use async_nats::HeaderMap;
use bus::{Envelope, dead, envelope, streams};
use std::collections::HashMap;
use std::path::Path;

/// How large a run is.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Events in all.
    pub events: u64,
    /// Aggregates.
    pub keys: u64,
    /// Events whose handler refuses them.
    pub bad: usize,
    /// Events that kill the process.
    pub kills: usize,
    /// Share of the machine.
    pub shares: u32,
}

impl Scale {
    /// 50 bad events of 2,000, five of which kill.
    pub fn short() -> Self {
        Self { events: 2_000, keys: 100, bad: 45, kills: 5, shares: 2 }
    }

    /// 1,000 bad events of 100,000, 50 of which kill; `part` of it.
    pub fn full(part: &Part) -> Self {
        let (bad, kills) = (part.count(950), part.count(50));
        Self { events: part.of(100_000), keys: 500, bad, kills, shares: SHARES }
    }
}

/// Most that throughput may drop because of bad events that do not kill.
const MAX_DROP: f64 = 0.10;

/// The full run: throughput without and with bad events, then poison events, and the replay of all dead letters.
pub async fn full(scale: &Scale, seed: u64, program: &Path) -> Result<()> {
    let good = Scale { bad: 0, kills: 0, ..*scale };
    let bad = Scale { kills: 0, ..*scale };
    let without = handled(&run("b08-good", &good, seed, program).await?);
    let with = handled(&run("b08-bad", &bad, seed, program).await?);
    let drop = 1.0 - with / without;
    println!(
        "  handled without bad events: {without:.0}/s, with {}: {with:.0}/s, a drop of {:.1} %",
        scale.bad,
        drop * 100.0
    );
    let killed = handled(&run("b08", scale, seed, program).await?);
    println!("  handled with those that kill: {killed:.0}/s");
    ensure!(drop <= MAX_DROP, "throughput drops by {:.1} %", drop * 100.0);
    Ok(())
}

/// All is committed first; then two consumers handle it, and then the dead letters are replayed by a process that is killed
/// half-way.
pub async fn run(name: &str, scale: &Scale, seed: u64, program: &Path) -> Result<Vec<Entry>> {
    let setting = Setting { shares: scale.shares, ..Setting::of(name, seed, program) };
    let fixture = Fixture::new(setting).await?;
    let relay = fixture.start_relay("")?;
    let (bad, kills) = (scale.bad, scale.kills);
    let load = Load { keys: scale.keys, writers: 4, bad, kills, ..Load::of(seed, scale.events) };
    fixture.start_writer(&load, "")?;
    fixture.until_committed(scale.events, TIMEOUT).await?;
    let published = async || Ok(fixture.query(PUBLISHER, state::UNPUBLISHED).await? == 0);
    fixture.until(&format!("{relay} publishes all"), TIMEOUT, published).await?;
    fixture.phase("consuming")?;
    fixture.start_consumer(&["--ack-wait=1000"], "")?;
    fixture.start_consumer(&["--ack-wait=1000"], "")?;
    fixture.quiet(TIMEOUT).await?;
    dead_letters_are_complete(&fixture, scale.bad + scale.kills).await?;
    if scale.bad + scale.kills > 0 {
        replay(&fixture, scale.bad + scale.kills).await?;
    }
    fixture.finish().await?.is_as_promised()
}

/// Each bad event has one dead letter, with its bytes and headers.
async fn dead_letters_are_complete(fixture: &Fixture, expected: usize) -> Result<()> {
    let found = dead::list(&fixture.bus, "search", 0, expected + 1).await;
    let dead_letters = found.map_err(crate::process::error)?;
    ensure!(dead_letters.len() == expected, "{} dead letters of {expected}", dead_letters.len());
    let client = fixture.databases.client(PUBLISHER).await?;
    let rows = client.query("select id::text, published_seq, payload from outbox", &[]).await?;
    let rows: HashMap<String, (i64, Vec<u8>)> =
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
    let stream = fixture.bus.jetstream().get_stream(streams::events(PUBLISHER)).await?;
    for dead_letter in &dead_letters {
        let id = &dead_letter.event_id;
        let (position, payload) = rows.get(id).with_context(|| format!("a dead letter of {id}"))?;
        ensure!(dead_letter.consumer == COUNTING, "a dead letter of {}", dead_letter.consumer);
        ensure!(*payload == dead_letter.payload, "the dead letter of {id} has other bytes");
        let original = stream.get_raw_message(position.unsigned_abs()).await?;
        let sorted = |headers: &HeaderMap| {
            let mut all: Vec<String> =
                headers.iter().map(|(name, values)| format!("{name}: {values:?}")).collect();
            all.sort();
            all
        };
        let kept = sorted(&dead_letter.headers);
        let sent = sorted(&envelope::without_broker(&original.headers));
        ensure!(kept == sent, "the dead letter of {id} has {kept:?} of {sent:?}");
        let read = Envelope::read(&dead_letter.original_subject, &dead_letter.headers);
        ensure!(
            read.is_ok_and(|read| read.id.to_string() == *id),
            "the dead letter of {id} is not"
        );
    }
    Ok(())
}

/// Replays all dead letters with a repaired handler, and kills the process half-way.
async fn replay(fixture: &Fixture, dead_letters: usize) -> Result<()> {
    fixture.supervisor.take_down(Role::Consume)?;
    fixture.phase(MENDED)?;
    // Slow enough to be killed half-way.
    let who = fixture.start_replay("dead.replayed=delay:20@1+")?;
    let half_way =
        async || Ok(state::dead_letters(&fixture.bus, "search").await?.len() <= dead_letters / 2);
    fixture.until("half of the dead letters are replayed", TIMEOUT, half_way).await?;
    ensure!(fixture.supervisor.kill(&who).await?, "the replay has ended before it was killed");
    fixture.quiet(TIMEOUT).await
}

/// Events a second from the first claim of the counting consumer to the last one before the replay.
fn handled(history: &[Entry]) -> f64 {
    let (_, until) = crate::figures::phase(history, "consuming").unwrap_or((0, i64::MAX));
    let claims = history.iter().filter_map(|entry| match entry {
        Entry::Claim(claim) if claim.consumer == COUNTING && claim.at < until => Some(claim.at),
        _ => None,
    });
    let claims: Vec<i64> = claims.collect();
    let (Some(first), Some(last)) = (claims.iter().min(), claims.iter().max()) else { return 0.0 };
    let micros = u32::try_from(last - first).unwrap_or(u32::MAX);
    f64::from(u32::try_from(claims.len()).unwrap_or(u32::MAX)) / f64::from(micros.max(1)) * 1e6
}
