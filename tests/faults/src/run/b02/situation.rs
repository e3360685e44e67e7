//! What has to happen that a point is reached.

use crate::event::{self, Mark, deleted, fact, updated};
use crate::points::Situation;
use crate::process::say::Load;
use crate::process::{Role, told};
use crate::world::World;
use anyhow::{Result, ensure};
use bus::dead;
use contracts::Fact;
use contracts::operations::v1::{DeadLetterFilter, ReplayOrder};
use prost::Message;
use std::time::Duration;

/// Far more than anything takes, such as two rounds of what is done once a minute: a busy machine is no failure.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// Number of the key that the situation is about; the others have smaller ones.
const SPECIAL: u64 = 1000;

/// Makes the situation and waits until it is over. `at` says what is to happen in the processes of a role.
pub(super) async fn make<'a>(
    world: &mut World,
    situation: Situation,
    at: &impl Fn(Role) -> &'a str,
) -> Result<()> {
    let script = match situation {
        Situation::Windows => format!("batches=off;{}", at(Role::Relay)),
        _ => at(Role::Relay).to_owned(),
    };
    world.relay(&script)?;
    let load = Load { keys: 10, ..Load::of(world.setting.seed, 40) };
    world.say(&load, at(Role::Say))?;
    let special = event::key(world.setting.seed, SPECIAL);
    match situation {
        Situation::Plain | Situation::Windows => _ = world.listen(&[], at(Role::Listen))?,
        Situation::Refused => {
            world.listen(&[], at(Role::Listen))?;
            refused(world, &special).await?;
        }
        Situation::Broken => {
            world.listen(&[], at(Role::Listen))?;
            world.commit(&[fact(&special, 1, Some(Mark::Broken)), fact(&special, 2, None)]).await?;
        }
        Situation::Kills => {
            world.listen(&["--ack-wait=1000"], at(Role::Listen))?;
            world.commit(&[fact(&special, 1, Some(Mark::Kills)), fact(&special, 2, None)]).await?;
        }
        Situation::Early => {
            world.listen(&[], at(Role::Listen))?;
            kept(world, &special).await?;
            world.commit(&[Fact::from(&deleted(&special, 2))]).await?;
        }
        Situation::Stale => stale(world, &special, at(Role::Listen)).await?,
        Situation::Replayed => {
            world.listen(&[], at(Role::Listen))?;
            world.commit(&[fact(&special, 1, Some(Mark::Bad)), fact(&special, 2, None)]).await?;
            world.quiet(PATIENCE).await?;
            world.phase(crate::check::c2::MENDED)?;
            world.replay(at(Role::Replay))?;
        }
        Situation::Ordered => {
            world.listen(&[], "")?;
            world.commit(&[fact(&special, 1, Some(Mark::Bad)), fact(&special, 2, None)]).await?;
            world.quiet(PATIENCE).await?;
            ordered(world, at(Role::Listen)).await?;
        }
        Situation::Lost => {
            world.listen(&[], at(Role::Listen))?;
            lost(world, at(Role::Republish)).await?;
        }
        Situation::GivenUp => {
            world.listen(&["--max-deliver=5"], at(Role::Listen))?;
            world.commit(&[fact(&special, 1, Some(Mark::Away))]).await?;
            let letters = async || {
                let letters = crate::state::letters(&world.bus, "search").await?;
                Ok(letters.len() == 1)
            };
            world.until("the event that is given up is a letter", PATIENCE, letters).await?;
        }
    }
    world.quiet(PATIENCE).await
}

/// Puts an event into the outbox that is too large for the broker, and mends it as an operator does.
async fn refused(world: &World, key: &str) -> Result<()> {
    let client = world.databases.client(event::PUBLISHER).await?;
    let insert = "insert into outbox (id, subject, message, key, version, payload, headers)
                  values (gen_random_uuid(), $1, $2, $3, 1, $4, '{}')";
    let (large, good) = (updated(key, 1, None, 300 * 1024), updated(key, 1, None, 0));
    let (subject, message) = (Fact::from(&good).subject, Fact::from(&good).message);
    client.execute(insert, &[&subject, &message, &key, &large.encode_to_vec()]).await?;
    world.commit(&[fact(key, 2, None)]).await?;
    let ask = format!("select attempts::bigint from outbox where key = '{key}' and version = 1");
    let noticed = async || Ok(world.ask(event::PUBLISHER, &ask).await? > 0);
    world.until("the broker refuses the event", PATIENCE, noticed).await?;
    let mend = "update outbox set payload = $2, retry_at = null where key = $1 and version = 1";
    client.execute(mend, &[&key, &good.encode_to_vec()]).await?;
    Ok(())
}

/// Has an event kept until its key is deleted.
async fn kept(world: &World, key: &str) -> Result<()> {
    world.commit(&[fact(key, 1, Some(Mark::Early))]).await?;
    let kept = async || Ok(world.ask("search", "select count(*) from early").await? == 1);
    world.until("the early event is kept", PATIENCE, kept).await
}

/// Has an event wait too long, become a letter, and be replayed after its key was deleted.
async fn stale(world: &World, key: &str, script: &str) -> Result<()> {
    world.listen(&[], "")?;
    kept(world, key).await?;
    world.supervisor.take_down(Role::Listen)?;
    let search = world.databases.client("search").await?;
    search.execute("update early set kept_at = kept_at - interval '25 hours'", &[]).await?;
    // Kept events are looked at when a process starts, and then every five seconds.
    let who = world.listen(&[], script)?;
    let swept = async || Ok(world.ask("search", "select count(*) from early").await? == 0);
    let soon = Duration::from_secs(15);
    if world.until("the event is swept", soon, swept).await.is_err() {
        ensure!(world.supervisor.kill(&who).await?, "{who} has ended");
        world.until("the event is swept", PATIENCE, swept).await?;
    }
    world.commit(&[Fact::from(&deleted(key, 2))]).await?;
    world.quiet(PATIENCE).await?;
    world.replay("")?;
    Ok(())
}

/// Asks for a replay of all dead letters, which mended listeners do. A process that dies is followed by the next one as soon as
/// it has said nothing for a while: its lease is not waited for.
async fn ordered(world: &World, script: &str) -> Result<()> {
    world.supervisor.take_down(Role::Listen)?;
    world.phase(crate::check::c2::MENDED)?;
    let db = crate::process::database("search", &world.databases.url("search"), 2)?;
    let last = dead::last(&world.bus, "search").await.map_err(told)?.cast_signed();
    let order = &ReplayOrder {
        filter: Some(DeadLetterFilter::default()),
        per_second: 50,
        last,
        ..ReplayOrder::default()
    };
    let asked = db.write("faults.order", async move |tx| dead::request_replay(tx, order).await);
    asked.await.map_err(told)?;
    world.listen(&["--mended"], script)?;
    let search = world.databases.client("search").await?;
    let ended = async || {
        let forget = "update operations set leased_until = clock_timestamp()
                      where leased_until > clock_timestamp()
                        and updated_at < clock_timestamp() - interval '3 seconds'";
        search.execute(forget, &[]).await?;
        Ok(world.ask("search", "select count(*) from operations where state = 'succeeded'").await?
            == 1)
    };
    world.until("the replay ends", PATIENCE, ended).await?;
    let left = dead::count(&world.bus, "search").await.map_err(told)?;
    ensure!(left == 0, "{left} letters are left");
    Ok(())
}

/// Deletes what the broker had, and has it published again once that is noticed.
async fn lost(world: &mut World, script: &str) -> Result<()> {
    world.quiet(PATIENCE).await?;
    world.phase(crate::check::c1::LOST)?;
    world.lose_broker().await?;
    let lost = "select count(*) from relay_state where lost_at is not null";
    let noticed = async || Ok(world.ask(event::PUBLISHER, lost).await? == 1);
    world.until("the loss is noticed", PATIENCE, noticed).await?;
    world.republish(script)?;
    world.quiet(PATIENCE).await?;
    let losses = world.ask(event::PUBLISHER, "select losses from relay_state").await?;
    ensure!(losses == 1, "one loss was noticed {losses} times");
    ensure!(world.ask(event::PUBLISHER, lost).await? == 0, "the loss is still remembered");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Event;
    use contracts::pricing::v1::PriceUpdated;

    #[test]
    fn the_refused_event_is_larger_than_any_that_is_written() {
        let event: PriceUpdated = updated("key", 1, None, 300 * 1024);
        assert!(event.encode_to_vec().len() > pg::outbox::MAX_EVENT_BYTES);
        assert_eq!(event.key(), "key");
    }
}
