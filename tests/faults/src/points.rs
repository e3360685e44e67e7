//! Where a process can be made to die, fail or wait, and what has to happen that it comes there.

use crate::process::Role;

/// What has to happen that a point is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Situation {
    /// Events are said and heard.
    Plain,
    /// The broker takes events one by one only.
    Windows,
    /// The broker refuses an event, until an operator mends it.
    Refused,
    /// A handler has a bug.
    Broken,
    /// An event comes before what it is about.
    Early,
    /// An event has waited too long for what it is about.
    Stale,
    /// An event kills whoever handles it.
    Kills,
    /// An operator replays a dead letter.
    Replayed,
    /// An operator has all dead letters replayed by whoever listens.
    Ordered,
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
    /// Whose process comes there.
    pub role: Role,
    /// When it does.
    pub situation: Situation,
    /// Whether the short tier goes there.
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
    use Role::{Listen, Relay, Replay, Republish, Say};
    use Situation::{
        Broken, Early, GivenUp, Kills, Lost, Ordered, Plain, Refused, Replayed, Stale, Windows,
    };
    &[
        long("outbox.append", Say, Plain),
        short("outbox.appended", Say, Plain),
        short("pg.commit", Say, Plain),
        short("pg.committed", Say, Plain),
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
        long("consumer.ready", Listen, Plain),
        short("consumer.received", Listen, Plain),
        long("consumer.round", Listen, Plain),
        long("consumer.begun", Listen, Plain),
        short("consumer.claimed", Listen, Plain),
        short("consumer.handled", Listen, Plain),
        short("consumer.committed", Listen, Plain),
        short("consumer.acked", Listen, Plain),
        long("consumer.split", Listen, Broken),
        long("consumer.alone", Listen, Broken),
        short("consumer.alone.claimed", Listen, Broken),
        long("consumer.failed", Listen, Broken),
        short("consumer.counted", Listen, Broken),
        long("consumer.later", Listen, Broken),
        short("early.keep", Listen, Early),
        short("early.kept", Listen, Early),
        short("early.take", Listen, Early),
        short("early.applied", Listen, Early),
        long("isolated.start", Listen, Kills),
        long("isolated.started", Listen, Kills),
        long("isolated.handled", Listen, Kills),
        long("isolated.finished", Listen, Kills),
        short("dead.publish", Listen, Broken),
        short("dead.published", Listen, Broken),
        long("dead.ended", Listen, Broken),
        short("dead.replay", Replay, Replayed),
        long("dead.replayed", Replay, Replayed),
        long("dead.removed", Replay, Replayed),
        long("replay.taken", Listen, Ordered),
        long("replay.checkpointed", Listen, Ordered),
        short("replay.applied", Listen, Ordered),
        long("replay.removed", Listen, Ordered),
        long("replay.end", Listen, Ordered),
        long("replay.ended", Listen, Ordered),
        long("sweep.early", Listen, Stale),
        long("sweep.early.published", Listen, Stale),
        long("advisory.read", Listen, GivenUp),
        long("advisory.published", Listen, GivenUp),
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

    /// A point that somebody adds is tested from then on, and one that is gone is not waited for.
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
