//! Where a process can be made to die, fail or wait, and what has to happen for it to get there.

use crate::process::Role;

/// What has to happen for a point to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Situation {
    /// Events are published and handled.
    Plain,
    /// The broker takes events one by one only.
    Windows,
    /// The broker refuses an event, until an operator repairs it.
    Refused,
    /// A handler has a bug.
    Broken,
    /// An event comes before what it is about.
    Early,
    /// An event has waited too long for what it is about.
    Stale,
    /// A poison event.
    Kills,
    /// An operator replays a dead letter.
    Replayed,
    /// An operator requests a replay of all dead letters, which a consumer does.
    ReplayRequested,
    /// The broker loses what it had, and an operator publishes it again.
    Lost,
    /// The broker gives an event up.
    GivenUp,
}

/// A point of the path of an event.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Its name in the libraries.
    pub name: &'static str,
    /// The role of the process that reaches it.
    pub role: Role,
    /// The situation in which it is reached.
    pub situation: Situation,
    /// Whether the short tier includes it.
    pub short: bool,
}

const fn long(name: &'static str, role: Role, situation: Situation) -> Point {
    Point { name, role, situation, short: false }
}

const fn short(name: &'static str, role: Role, situation: Situation) -> Point {
    Point { name, role, situation, short: true }
}

/// All points, in the order of the path.
pub const POINTS: &[Point] = {
    use Role::{Consume, Relay, Replay, Republish, Write};
    use Situation::{
        Broken, Early, GivenUp, Kills, Lost, Plain, Refused, ReplayRequested, Replayed, Stale,
        Windows,
    };
    &[
        long("outbox.append", Write, Plain),
        short("outbox.appended", Write, Plain),
        short("pg.commit", Write, Plain),
        short("pg.committed", Write, Plain),
        long("relay.opened", Relay, Plain),
        long("relay.leads", Relay, Plain),
        short("relay.stream", Relay, Plain),
        long("relay.compared", Relay, Plain),
        short("relay.read", Relay, Plain),
        long("relay.batch", Relay, Plain),
        short("relay.batch.half", Relay, Plain),
        short("relay.batch.commit", Relay, Plain),
        short("relay.batch.acked", Relay, Plain),
        short("relay.window.sent", Relay, Windows),
        short("relay.window.acked", Relay, Windows),
        short("relay.mark", Relay, Plain),
        short("relay.marked", Relay, Plain),
        long("relay.refuse", Relay, Refused),
        short("relay.refused", Relay, Refused),
        long("relay.idle", Relay, Plain),
        short("relay.lost", Relay, Lost),
        short("outbox.republish", Republish, Lost),
        long("outbox.made_good", Republish, Lost),
        long("consumer.ready", Consume, Plain),
        short("consumer.received", Consume, Plain),
        long("consumer.round", Consume, Plain),
        long("consumer.begun", Consume, Plain),
        short("consumer.claimed", Consume, Plain),
        short("consumer.handled", Consume, Plain),
        short("consumer.committed", Consume, Plain),
        short("consumer.acked", Consume, Plain),
        long("consumer.split", Consume, Broken),
        long("consumer.alone", Consume, Broken),
        short("consumer.alone.claimed", Consume, Broken),
        long("consumer.failed", Consume, Broken),
        short("consumer.counted", Consume, Broken),
        long("consumer.later", Consume, Broken),
        short("early.keep", Consume, Early),
        short("early.kept", Consume, Early),
        short("early.take", Consume, Early),
        short("early.applied", Consume, Early),
        long("isolated.start", Consume, Kills),
        long("isolated.started", Consume, Kills),
        long("isolated.handled", Consume, Kills),
        long("isolated.finished", Consume, Kills),
        short("dead.publish", Consume, Broken),
        short("dead.published", Consume, Broken),
        long("dead.ended", Consume, Broken),
        short("dead.replay", Replay, Replayed),
        long("dead.replayed", Replay, Replayed),
        long("dead.removed", Replay, Replayed),
        long("replay.taken", Consume, ReplayRequested),
        long("replay.checkpointed", Consume, ReplayRequested),
        short("replay.applied", Consume, ReplayRequested),
        long("replay.removed", Consume, ReplayRequested),
        long("replay.end", Consume, ReplayRequested),
        long("replay.ended", Consume, ReplayRequested),
        long("sweep.early", Consume, Stale),
        long("sweep.early.published", Consume, Stale),
        long("advisory.read", Consume, GivenUp),
        long("advisory.published", Consume, GivenUp),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    fn sources(folder: PathBuf, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(path, text);
            } else {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }

    /// A point that is added to the libraries must be listed here, and one that is removed must not.
    #[test]
    fn the_list_is_that_of_the_libraries() {
        let mut text = String::new();
        for library in ["bus", "pg"] {
            let libs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../libs");
            sources(libs.join(library).join("src"), &mut text);
        }
        let calls = text.split("reached(\"").skip(1);
        let found: BTreeSet<&str> = calls.filter_map(|call| call.split('"').next()).collect();
        let listed: BTreeSet<&str> = POINTS.iter().map(|point| point.name).collect();
        assert_eq!(found, listed);
        assert_eq!(listed.len(), POINTS.len());
    }

    #[test]
    fn the_short_tier_has_at_least_24_points_and_the_full_one_at_least_40() {
        assert!(POINTS.iter().filter(|point| point.short).count() >= 24);
        assert!(POINTS.len() >= 40);
    }
}
