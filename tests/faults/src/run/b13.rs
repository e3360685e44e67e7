//! B13: there is no more room, by the broker's quota or on its disk.

use super::PATIENCE;
use crate::event::PUBLISHER;
use crate::figures;
use crate::process::Role;
use crate::process::say::Load;
use crate::world::{SHARES, Setting, World};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long there is no room.
const FULL: Duration = Duration::from_secs(20);

/// How soon all is well after there is room again.
const LIMIT: Duration = Duration::from_secs(60);

/// Events a second.
const RATE: f64 = 200.0;

/// Both parts; the second one only where a small disk can be had.
pub async fn run(seed: u64, program: &Path) -> Result<()> {
    quota(seed, program).await?;
    match Disk::mount(&crate::world::folder()?.join(format!("b13-disk-{seed}/nats")), 24) {
        Ok(disk) => disk_full(disk, seed, program).await,
        Err(why) => {
            println!("b13-disk is skipped: {why:#}");
            Ok(())
        }
    }
}

/// The stream may hold no more bytes. What helps: a larger quota, and the relays started with it.
async fn quota(seed: u64, program: &Path) -> Result<()> {
    let world = begin("b13-quota", "--max-bytes=1000000", seed, program).await?;
    let room = until_full(&world).await?;
    world.supervisor.take_down(Role::Relay)?;
    for _ in 0..2 {
        world.relay_through(world.usual()?, &["--max-bytes=1000000000"], "")?;
    }
    end(world, room).await
}

/// The broker's disk is full. What helps: a larger disk, and the broker started again.
async fn disk_full(disk: Disk, seed: u64, program: &Path) -> Result<()> {
    let mut world = begin("b13-disk", "--max-bytes=1000000000", seed, program).await?;
    let room = until_full(&world).await?;
    disk.resize(1024)?;
    world.done("kill", "broker")?;
    world.nats.restart().await?;
    end(world, room).await
}

async fn begin(name: &str, quota: &str, seed: u64, program: &Path) -> Result<World> {
    let world = World::new(Setting { shares: SHARES, ..Setting::of(name, seed, program) }).await?;
    for _ in 0..2 {
        world.relay_through(world.usual()?, &[quota], "")?;
    }
    world.listen(&[], "")?;
    // More than the run can last: the writer is ended after it.
    let load = Load {
        writers: 4,
        keys: 500,
        padding: 2_000,
        rate: Some(RATE),
        ..Load::of(seed, 100_000_000)
    };
    world.say(&load, "")?;
    Ok(world)
}

/// Waits until nothing is published any more, and then for a while; returns when there is to be room again.
async fn until_full(world: &World) -> Result<Instant> {
    let oldest = "select coalesce((select extract(epoch from clock_timestamp() - created_at)::bigint
                                   from outbox where published_at is null order by seq limit 1), 0)";
    let full = async || Ok(world.ask(PUBLISHER, oldest).await? >= 5);
    world.until("the broker has no more room", PATIENCE, full).await?;
    world.phase("full")?;
    super::wait("the broker has no room", FULL).await;
    world.phase("room")?;
    Ok(Instant::now())
}

async fn end(world: World, room: Instant) -> Result<()> {
    let caught_up = async || Ok(world.ask(PUBLISHER, super::b04::CAUGHT_UP).await? == 1);
    world.until("the backlog is published", PATIENCE, caught_up).await?;
    let took = room.elapsed();
    world.supervisor.take_down(Role::Say)?;
    world.quiet(PATIENCE).await?;
    let refused = world.ask(PUBLISHER, "select count(*) from outbox where attempts > 0").await?;
    let history = world.finish().await?.is_as_promised()?;
    let failed = figures::unsure(&history);
    let (from, to) = figures::phase(&history, "full").context("it was never full")?;
    let while_full = |all: Vec<i64>| all.into_iter().filter(|at| (from..to).contains(at)).count();
    let stored = while_full(figures::publishing(&history));
    let committed = while_full(figures::committing(&history, ""));
    ensure!(stored == 0, "the broker had room for {stored} events");
    ensure!(committed > 0, "nothing was committed while the broker was full");
    println!(
        "  well again after {took:.1?}; commits that failed: {failed}; rows given up: {refused}"
    );
    ensure!(failed == 0 && refused == 0, "{failed} commits failed, {refused} rows were given up");
    ensure!(took <= LIMIT, "well again only after {took:?}");
    Ok(())
}

/// A small disk in memory; only root can have one.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, megabytes: u32) -> Result<Self> {
        std::fs::create_dir_all(at)?;
        let at = at.canonicalize()?;
        mount(&["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"], &at)?;
        Ok(Self(at))
    }

    fn resize(&self, megabytes: u32) -> Result<()> {
        mount(&["-o", &format!("remount,size={megabytes}m")], &self.0)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(options: &[&str], at: &Path) -> Result<()> {
    let mounted = Command::new("mount").args(options).arg(at).output()?;
    if !mounted.status.success() {
        bail!("mount: {}", String::from_utf8_lossy(&mounted.stderr).trim());
    }
    Ok(())
}
