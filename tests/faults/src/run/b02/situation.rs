//! What has to happen for a point to be reached.

use crate::event::{self, Mark, deleted, fact, updated};
use crate::fixture::Fixture;
use crate::points::Situation;
use crate::process::write::Load;
use crate::process::{Role, error};
use anyhow::{Result, ensure};
use bus::dead;
use contracts::Fact;
use contracts::operations::v1::{DeadLetterFilter, ReplayOrder};
use prost::Message;
use std::time::Duration;

/// Far more than anything takes, such as two rounds of what is done once a minute: a busy machine is no failure.
pub(super) const TIMEOUT: Duration = Duration::from_secs(300);

/// Number of the key that the situation is about; the others have smaller ones.
const SPECIAL: u64 = 1000;

/// Makes the situation and waits until it is over. `at` is the failpoints of the processes of a role.
pub(super) async fn make<'a>(
    fixture: &mut Fixture,
    situation: Situation,
    at: &impl Fn(Role) -> &'a str,
) -> Result<()> {
    let script = match situation {
        Situation::Windows => format!("batches=off;{}", at(Role::Relay)),
        _ => at(Role::Relay).to_owned(),
    };
    fixture.start_relay(&script)?;
    let load = Load { keys: 10, ..Load::of(fixture.setting.seed, 40) };
    fixture.start_writer(&load, at(Role::Write))?;
    let special = event::key(fixture.setting.seed, SPECIAL);
    match situation {
        Situation::Plain | Situation::Windows => {
            _ = fixture.start_consumer(&[], at(Role::Consume))?
        }
        Situation::Refused => {
            fixture.start_consumer(&[], at(Role::Consume))?;
            refused(fixture, &special).await?;
        }
        Situation::Broken => {
            fixture.start_consumer(&[], at(Role::Consume))?;
            fixture
                .commit(&[fact(&special, 1, Some(Mark::Broken)), fact(&special, 2, None)])
                .await?;
        }
        Situation::Kills => {
            fixture.start_consumer(&["--ack-wait=1000"], at(Role::Consume))?;
            fixture
                .commit(&[fact(&special, 1, Some(Mark::Kills)), fact(&special, 2, None)])
                .await?;
        }
        Situation::Early => {
            fixture.start_consumer(&[], at(Role::Consume))?;
            kept(fixture, &special).await?;
            fixture.commit(&[Fact::from(&deleted(&special, 2))]).await?;
        }
        Situation::Stale => stale(fixture, &special, at(Role::Consume)).await?,
        Situation::Replayed => {
            fixture.start_consumer(&[], at(Role::Consume))?;
            fixture.commit(&[fact(&special, 1, Some(Mark::Bad)), fact(&special, 2, None)]).await?;
            fixture.quiet(TIMEOUT).await?;
            fixture.phase(crate::check::c2::MENDED)?;
            fixture.start_replay(at(Role::Replay))?;
        }
        Situation::ReplayRequested => {
            fixture.start_consumer(&[], "")?;
            fixture.commit(&[fact(&special, 1, Some(Mark::Bad)), fact(&special, 2, None)]).await?;
            fixture.quiet(TIMEOUT).await?;
            request_replay(fixture, at(Role::Consume)).await?;
        }
        Situation::Lost => {
            fixture.start_consumer(&[], at(Role::Consume))?;
            lost(fixture, at(Role::Republish)).await?;
        }
        Situation::GivenUp => {
            fixture.start_consumer(&["--max-deliver=5"], at(Role::Consume))?;
            fixture.commit(&[fact(&special, 1, Some(Mark::Away))]).await?;
            let dead_letters = async || {
                let dead_letters = crate::state::dead_letters(&fixture.bus, "search").await?;
                Ok(dead_letters.len() == 1)
            };
            fixture
                .until("the event that is given up is a dead letter", TIMEOUT, dead_letters)
                .await?;
        }
    }
    fixture.quiet(TIMEOUT).await
}

/// Commits an event that is too large for the broker, and repairs it as an operator does.
async fn refused(fixture: &Fixture, key: &str) -> Result<()> {
    let client = fixture.databases.client(event::PUBLISHER).await?;
    let insert = "insert into outbox (id, subject, message, key, version, payload, headers)
                  values (gen_random_uuid(), $1, $2, $3, 1, $4, '{}')";
    let (large, good) = (updated(key, 1, None, 300 * 1024), updated(key, 1, None, 0));
    let (subject, message) = (Fact::from(&good).subject, Fact::from(&good).message);
    client.execute(insert, &[&subject, &message, &key, &large.encode_to_vec()]).await?;
    fixture.commit(&[fact(key, 2, None)]).await?;
    let query = format!("select attempts::bigint from outbox where key = '{key}' and version = 1");
    let refused = async || Ok(fixture.query(event::PUBLISHER, &query).await? > 0);
    fixture.until("the broker refuses the event", TIMEOUT, refused).await?;
    let mend = "update outbox set payload = $2, retry_at = null where key = $1 and version = 1";
    client.execute(mend, &[&key, &good.encode_to_vec()]).await?;
    Ok(())
}

/// Makes an event that is kept until its key is deleted.
async fn kept(fixture: &Fixture, key: &str) -> Result<()> {
    fixture.commit(&[fact(key, 1, Some(Mark::Early))]).await?;
    let kept = async || Ok(fixture.query("search", "select count(*) from early").await? == 1);
    fixture.until("the early event is kept", TIMEOUT, kept).await
}

/// Makes an event that waits too long, becomes a dead letter, and is replayed after its key was deleted.
async fn stale(fixture: &Fixture, key: &str, script: &str) -> Result<()> {
    fixture.start_consumer(&[], "")?;
    kept(fixture, key).await?;
    fixture.supervisor.take_down(Role::Consume)?;
    let search = fixture.databases.client("search").await?;
    search.execute("update early set kept_at = kept_at - interval '25 hours'", &[]).await?;
    // Kept events are swept when a process starts, and then every five seconds.
    let who = fixture.start_consumer(&[], script)?;
    let swept = async || Ok(fixture.query("search", "select count(*) from early").await? == 0);
    let soon = Duration::from_secs(15);
    if fixture.until("the event is swept", soon, swept).await.is_err() {
        ensure!(fixture.supervisor.kill(&who).await?, "{who} has ended");
        fixture.until("the event is swept", TIMEOUT, swept).await?;
    }
    fixture.commit(&[Fact::from(&deleted(key, 2))]).await?;
    fixture.quiet(TIMEOUT).await?;
    fixture.start_replay("")?;
    Ok(())
}

/// Requests a replay of all dead letters, which repaired consumers do. When a process dies its lease is ended early, so that the
/// next one takes over without waiting for it.
async fn request_replay(fixture: &Fixture, script: &str) -> Result<()> {
    fixture.supervisor.take_down(Role::Consume)?;
    fixture.phase(crate::check::c2::MENDED)?;
    let db = crate::process::database("search", &fixture.databases.url("search"), 2)?;
    let last = dead::last(&fixture.bus, "search").await.map_err(error)?.cast_signed();
    let order = &ReplayOrder {
        filter: Some(DeadLetterFilter::default()),
        per_second: 50,
        last,
        ..ReplayOrder::default()
    };
    let asked = db.write("faults.order", async move |tx| dead::request_replay(tx, order).await);
    asked.await.map_err(error)?;
    fixture.start_consumer(&["--mended"], script)?;
    let search = fixture.databases.client("search").await?;
    let ended = async || {
        let end_lease = "update operations set leased_until = clock_timestamp()
                      where leased_until > clock_timestamp()
                        and updated_at < clock_timestamp() - interval '3 seconds'";
        search.execute(end_lease, &[]).await?;
        Ok(fixture
            .query("search", "select count(*) from operations where state = 'succeeded'")
            .await?
            == 1)
    };
    fixture.until("the replay ends", TIMEOUT, ended).await?;
    let left = dead::count(&fixture.bus, "search").await.map_err(error)?;
    ensure!(left == 0, "{left} dead letters are left");
    Ok(())
}

/// Deletes the broker's data, and republishes it once the loss is detected.
async fn lost(fixture: &mut Fixture, script: &str) -> Result<()> {
    fixture.quiet(TIMEOUT).await?;
    fixture.phase(crate::check::c1::LOST)?;
    fixture.lose_broker().await?;
    let lost = "select count(*) from relay_state where lost_at is not null";
    let detected = async || Ok(fixture.query(event::PUBLISHER, lost).await? == 1);
    fixture.until("the loss is detected", TIMEOUT, detected).await?;
    fixture.start_republish(script)?;
    fixture.quiet(TIMEOUT).await?;
    let losses = fixture.query(event::PUBLISHER, "select losses from relay_state").await?;
    ensure!(losses == 1, "one loss was detected {losses} times");
    ensure!(fixture.query(event::PUBLISHER, lost).await? == 0, "the loss is still recorded");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Event;
    use pricing_api::v1::PriceUpdated;

    #[test]
    fn the_refused_event_is_larger_than_any_that_is_written() {
        let event: PriceUpdated = updated("key", 1, None, 300 * 1024);
        assert!(event.encode_to_vec().len() > pg::outbox::MAX_EVENT_BYTES);
        assert_eq!(event.key(), "key");
    }
}
