//! B33, the events' half: what is stored is damaged, in the stream and among the events that wait. It ends as dead letters,
//! no process panics, and nothing else is affected.

use super::shared::TIMEOUT;
use crate::check::c2::COUNTING;
use crate::event::{self, Mark, deleted, envelope, fact};
use crate::fixture::{Fixture, Setting};
use crate::history::Entry;
use crate::process::write::Load;
use crate::state;
use anyhow::{Result, ensure};
use async_nats::HeaderMap;
use contracts::Fact;
use std::collections::BTreeSet;
use std::path::Path;

/// Runs it.
pub async fn run(seed: u64, program: &Path) -> Result<()> {
    let fixture = Fixture::new(Setting::of("b33", seed, program)).await?;
    fixture.start_relay("")?;
    let consumer = fixture.start_consumer(&[], "")?;
    fixture.start_writer(&Load { keys: 20, ..Load::of(seed, 200) }, "")?;
    fixture.quiet(TIMEOUT).await?;
    let waiting = damaged_early(&fixture, seed).await?;
    let known = in_the_stream(&fixture, seed).await?;
    fixture.quiet(TIMEOUT).await?;
    let mut dead_letters = BTreeSet::new();
    for entry in state::dead_letters(&fixture.bus, "search").await? {
        let Entry::DeadLetter(found) = entry else { continue };
        ensure!(found.consumer == COUNTING, "a dead letter of {}", found.consumer);
        ensure!(dead_letters.insert(found.id.clone()), "two dead letters of {}", found.id);
    }
    let expected: BTreeSet<String> = known.into_iter().chain(waiting).collect();
    ensure!(
        dead_letters == expected,
        "dead letters are {dead_letters:?}, expected were {expected:?}"
    );
    let history = fixture.finish().await?.is_as_promised()?;
    let died = history
        .iter()
        .filter(|entry| matches!(entry, Entry::Ended { who, .. } if *who == consumer));
    ensure!(died.count() == 0, "the consumer died");
    Ok(())
}

/// Publishes damaged messages between good ones; returns the ids of the dead letters that they are to become.
async fn in_the_stream(fixture: &Fixture, seed: u64) -> Result<Vec<String>> {
    let subject = fact(&event::key(seed, 0), 1, None).subject;
    let spoil = |number: u64, spoil: &dyn Fn(&mut HeaderMap, &mut Vec<u8>)| -> Result<_> {
        let mut fact = fact(&event::key(seed, 3_000 + number), 1, None);
        let envelope = envelope(&fact)?;
        let mut headers = envelope.headers();
        spoil(&mut headers, &mut fact.payload);
        Ok((envelope.id.to_string(), headers, fact.payload))
    };
    let damaged = [
        spoil(0, &|_, payload| payload.truncate(payload.len() / 2))?,
        spoil(1, &|_, payload| payload.iter_mut().for_each(|byte| *byte = 0xff))?,
        spoil(2, &|headers, _| headers.insert("ce-time", "yesterday"))?,
        spoil(3, &|headers, _| headers.insert("version", "1e9"))?,
        spoil(4, &|headers, _| headers.insert("ce-id", "not-a-uuid"))?,
        spoil(5, &|headers, payload| (*headers, *payload) = (HeaderMap::new(), Vec::new()))?,
    ];
    let mut ids = Vec::new();
    for (number, (id, headers, payload)) in damaged.into_iter().enumerate() {
        let position = fixture.publish_raw(subject, headers, payload).await?;
        match number {
            // A message without an id is identified by its position.
            4 | 5 => ids.push(format!("PRICING-{position}")),
            _ => ids.push(id),
        }
    }
    let unknown = fact(&event::key(seed, 3_100), 1, None);
    let headers = envelope(&unknown)?.headers();
    fixture.publish_raw("pricing.price.exploded", headers, unknown.payload.clone()).await?;
    ids.push(envelope(&unknown)?.id.to_string());
    Ok(ids)
}

/// Damages events that wait for their key, and then deletes the key; returns the ids of the dead letters that they are to
/// become.
async fn damaged_early(fixture: &Fixture, seed: u64) -> Result<Vec<String>> {
    let client = fixture.databases.client("search").await?;
    let key = event::key(seed, 2_000);
    let early: Vec<Fact> = (1..=4).map(|version| fact(&key, version, Some(Mark::Early))).collect();
    fixture.commit(&early).await?;
    let kept = async || Ok(fixture.query("search", "select count(*) from early").await? == 4);
    fixture.until("the early events are kept", TIMEOUT, kept).await?;
    let spoil = [
        "payload = substring(payload from 1 for length(payload) / 2)",
        "headers = '[]'",
        "headers = headers || '{\"version\": 7, \"ce-id\": \"\\u0007\"}'",
    ];
    let mut ids = Vec::new();
    for (version, spoil) in (1..).zip(spoil) {
        let of = format!("headers ->> 'version' = '{version}'");
        let ask = format!("select event_id::text from early where {of}");
        let id: String = client.query_one(&ask, &[]).await?.get(0);
        fixture.recorder.add(&Entry::Spoiled { consumer: COUNTING.to_owned(), id: id.clone() })?;
        ids.push(id);
        client.execute(&format!("update early set {spoil} where {of}"), &[]).await?;
    }
    fixture.commit(&[Fact::from(&deleted(&key, 5))]).await?;
    Ok(ids)
}
