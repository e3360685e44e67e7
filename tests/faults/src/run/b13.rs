//! B13: there is no more room, by the broker's quota or on its disk.

use super::shared::{self, TIMEOUT};
use crate::event::PUBLISHER;
use crate::figures;
use crate::fixture::{Fixture, SHARES, Setting};
use crate::process::Role;
use crate::process::write::Load;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long there is no room.
const FULL_TIME: Duration = Duration::from_secs(20);

/// Longest time until the backlog is published after there is room again.
const MAX_RECOVERY: Duration = Duration::from_secs(60);

/// Events a second.
const RATE: f64 = 200.0;

/// Both parts; the second one only where a small disk can be had.
pub async fn run(seed: u64, program: &Path) -> Result<()> {
    quota(seed, program).await?;
    match Disk::mount(&crate::folder::of_runs()?.join(format!("b13-disk-{seed}/nats")), 24) {
        Ok(disk) => disk_full(disk, seed, program).await,
        Err(why) => {
            println!("b13-disk is skipped: {why:#}");
            Ok(())
        }
    }
}

/// The stream may hold no more bytes. Ended by a larger quota, and relays that are started with it.
async fn quota(seed: u64, program: &Path) -> Result<()> {
    let fixture = begin("b13-quota", "--max-bytes=1000000", seed, program).await?;
    let room = until_full(&fixture).await?;
    fixture.supervisor.take_down(Role::Relay)?;
    for _ in 0..2 {
        fixture.start_relay_through(fixture.direct()?, &["--max-bytes=1000000000"], "")?;
    }
    end(fixture, room).await
}

/// The broker's disk is full. Ended by a larger disk, and a restart of the broker.
async fn disk_full(disk: Disk, seed: u64, program: &Path) -> Result<()> {
    let mut fixture = begin("b13-disk", "--max-bytes=1000000000", seed, program).await?;
    let room = until_full(&fixture).await?;
    disk.resize(1024)?;
    fixture.record("kill", "broker")?;
    fixture.nats.restart().await?;
    end(fixture, room).await
}

async fn begin(name: &str, quota: &str, seed: u64, program: &Path) -> Result<Fixture> {
    let fixture =
        Fixture::new(Setting { shares: SHARES, ..Setting::of(name, seed, program) }).await?;
    for _ in 0..2 {
        fixture.start_relay_through(fixture.direct()?, &[quota], "")?;
    }
    fixture.start_consumer(&[], "")?;
    // More than the run can last: the writer is ended after it.
    let load = Load {
        writers: 4,
        keys: 500,
        padding: 2_000,
        rate: Some(RATE),
        ..Load::of(seed, 100_000_000)
    };
    fixture.start_writer(&load, "")?;
    Ok(fixture)
}

/// Waits until nothing is published any more, and then for a while; returns when there is to be room again.
async fn until_full(fixture: &Fixture) -> Result<Instant> {
    let oldest = "select coalesce((select extract(epoch from clock_timestamp() - created_at)::bigint
                                   from outbox where published_at is null order by seq limit 1), 0)";
    let full = async || Ok(fixture.query(PUBLISHER, oldest).await? >= 5);
    fixture.until("the broker has no more room", TIMEOUT, full).await?;
    fixture.phase("full")?;
    shared::wait("the broker has no room", FULL_TIME).await;
    fixture.phase("room")?;
    Ok(Instant::now())
}

async fn end(fixture: Fixture, room: Instant) -> Result<()> {
    let caught_up = async || Ok(fixture.query(PUBLISHER, super::b04::CAUGHT_UP).await? == 1);
    fixture.until("the backlog is published", TIMEOUT, caught_up).await?;
    let took = room.elapsed();
    fixture.supervisor.take_down(Role::Write)?;
    fixture.quiet(TIMEOUT).await?;
    let refused =
        fixture.query(PUBLISHER, "select count(*) from outbox where attempts > 0").await?;
    let history = fixture.finish().await?.is_as_promised()?;
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
    ensure!(took <= MAX_RECOVERY, "well again only after {took:?}");
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
