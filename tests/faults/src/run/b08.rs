//! B08: events that no handler can take, some of which kill whoever tries.

use super::{PATIENCE, Part};
use crate::check::c2::{COUNTING, MENDED};
use crate::event::PUBLISHER;
use crate::history::Entry;
use crate::process::Role;
use crate::process::say::Load;
use crate::state;
use crate::world::{SHARES, Setting, World};
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
const DROP: f64 = 0.10;

/// The full run: throughput without and with bad events, then those that kill, and the replay of all letters.
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
    ensure!(drop <= DROP, "throughput drops by {:.1} %", drop * 100.0);
    Ok(())
}

/// All is said first; then two listeners handle it, and then the letters are replayed by one that is killed half-way.
pub async fn run(name: &str, scale: &Scale, seed: u64, program: &Path) -> Result<Vec<Entry>> {
    let setting = Setting { shares: scale.shares, ..Setting::of(name, seed, program) };
    let world = World::new(setting).await?;
    let relay = world.relay("")?;
    let (bad, kills) = (scale.bad, scale.kills);
    let load = Load { keys: scale.keys, writers: 4, bad, kills, ..Load::of(seed, scale.events) };
    world.say(&load, "")?;
    world.until_said(scale.events, PATIENCE).await?;
    let published = async || Ok(world.ask(PUBLISHER, state::UNPUBLISHED).await? == 0);
    world.until(&format!("{relay} publishes all"), PATIENCE, published).await?;
    world.phase("listening")?;
    world.listen(&["--ack-wait=1000"], "")?;
    world.listen(&["--ack-wait=1000"], "")?;
    world.quiet(PATIENCE).await?;
    letters_are_whole(&world, scale.bad + scale.kills).await?;
    if scale.bad + scale.kills > 0 {
        replay(&world, scale.bad + scale.kills).await?;
    }
    world.finish().await?.is_as_promised()
}

/// Each bad event has one letter, with its bytes and headers.
async fn letters_are_whole(world: &World, expected: usize) -> Result<()> {
    let letters = dead::list(&world.bus, "search", 0, expected + 1).await;
    let letters = letters.map_err(crate::process::told)?;
    ensure!(letters.len() == expected, "{} dead letters of {expected}", letters.len());
    let client = world.databases.client(PUBLISHER).await?;
    let rows = client.query("select id::text, published_seq, payload from outbox", &[]).await?;
    let rows: HashMap<String, (i64, Vec<u8>)> =
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
    let stream = world.bus.jetstream().get_stream(streams::events(PUBLISHER)).await?;
    for letter in &letters {
        let id = &letter.event_id;
        let (position, payload) = rows.get(id).with_context(|| format!("a letter about {id}"))?;
        ensure!(letter.consumer == COUNTING, "a letter of {}", letter.consumer);
        ensure!(*payload == letter.payload, "the letter about {id} has other bytes");
        let original = stream.get_raw_message(position.unsigned_abs()).await?;
        let sorted = |headers: &HeaderMap| {
            let mut all: Vec<String> =
                headers.iter().map(|(name, values)| format!("{name}: {values:?}")).collect();
            all.sort();
            all
        };
        let kept = sorted(&letter.headers);
        let sent = sorted(&envelope::without_broker(&original.headers));
        ensure!(kept == sent, "the letter about {id} has {kept:?} of {sent:?}");
        let read = Envelope::read(&letter.original_subject, &letter.headers);
        ensure!(read.is_ok_and(|read| read.id.to_string() == *id), "the letter about {id} is not");
    }
    Ok(())
}

/// Replays all letters with a mended handler, and kills who does it half-way.
async fn replay(world: &World, letters: usize) -> Result<()> {
    world.supervisor.take_down(Role::Listen)?;
    world.phase(MENDED)?;
    // Slow enough that half-way is no moment.
    let who = world.replay("dead.replayed=delay:20@1+")?;
    let half_way = async || Ok(state::letters(&world.bus, "search").await?.len() <= letters / 2);
    world.until("half of the letters are replayed", PATIENCE, half_way).await?;
    ensure!(world.supervisor.kill(&who).await?, "the replay has ended before it was killed");
    world.quiet(PATIENCE).await
}

/// Events a second from the first claim of the counting consumer to the last one before the replay.
fn handled(history: &[Entry]) -> f64 {
    let (_, until) = crate::figures::phase(history, "listening").unwrap_or((0, i64::MAX));
    let claims = history.iter().filter_map(|entry| match entry {
        Entry::Claim(claim) if claim.consumer == COUNTING && claim.at < until => Some(claim.at),
        _ => None,
    });
    let claims: Vec<i64> = claims.collect();
    let (Some(first), Some(last)) = (claims.iter().min(), claims.iter().max()) else { return 0.0 };
    let micros = u32::try_from(last - first).unwrap_or(u32::MAX);
    f64::from(u32::try_from(claims.len()).unwrap_or(u32::MAX)) / f64::from(micros.max(1)) * 1e6
}
