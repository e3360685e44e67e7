//! Workers. All events of one key go to one of them, which takes them in order; what has gathered in its queue shares a
//! transaction.

use super::effect::{self, Together};
use super::held::{Held, Hold};
use super::verdict::{self, Class};
use super::{Consumers, Delivery, outage, suspects};
use crate::envelope;
use async_nats::jetstream::AckKind;
use chrono::Utc;
use fault::{Fault, point};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The ways to the workers. `max_ack_pending` of the durable consumers bounds the messages in them; of one that a broker sends
/// again while it is held there is another copy.
#[derive(Clone)]
pub(super) struct Queues {
    by_key: Vec<UnboundedSender<Hold>>,
    suspects: UnboundedSender<Hold>,
}

impl Queues {
    /// Gives a message to the worker of its key, or to the lane for those that were sent too often.
    pub fn give(&self, hold: Hold) {
        // A worker ends only after all senders are gone, or by a bug, which ends all of us: see [`Workers::died`].
        if suspects::is_suspect(&hold) {
            let _ = self.suspects.send(hold);
            return;
        }
        let mut hasher = DefaultHasher::new();
        match hold.message.headers.as_ref().and_then(envelope::key) {
            Some(key) => key.hash(&mut hasher),
            None => hold.message.subject.as_str().hash(&mut hasher),
        }
        let index = hasher.finish() % u64::try_from(self.by_key.len()).unwrap_or(1).max(1);
        if let Some(queue) = usize::try_from(index).ok().and_then(|index| self.by_key.get(index)) {
            let _ = queue.send(hold);
        }
    }
}

/// The workers of one service.
pub(super) struct Workers {
    queues: Queues,
    tasks: JoinSet<()>,
}

impl Workers {
    pub fn queues(&self) -> Queues {
        self.queues.clone()
    }

    /// Returns when a worker has died; what it had in hand comes again, but nobody would take it.
    pub async fn died(&mut self) -> Fault {
        match self.tasks.join_next().await {
            Some(Err(died)) => Fault::internal(died),
            // The others wait for events as long as there is a way to them, which we have.
            _ => std::future::pending().await,
        }
    }

    /// Waits until the workers have finished what they hold.
    pub async fn finish(mut self) -> Result<(), Fault> {
        drop(self.queues);
        let mut result = Ok(());
        while let Some(joined) = self.tasks.join_next().await {
            if let Err(died) = joined {
                result = Err(Fault::internal(died));
            }
        }
        result
    }
}

pub(super) fn start(consumers: &Consumers, stop: &CancellationToken) -> (Workers, Held) {
    let mut tasks = JoinSet::new();
    let mut by_key = Vec::new();
    for _ in 0..consumers.tuning.workers.max(1) {
        let (sender, queue) = unbounded_channel();
        by_key.push(sender);
        tasks.spawn(work(consumers.clone(), queue, stop.clone()));
    }
    let (suspects, queue) = unbounded_channel();
    tasks.spawn(suspects::run(consumers.clone(), queue, stop.clone()));
    let queues = Queues { by_key, suspects };
    (Workers { queues, tasks }, Held::new(consumers.bus.client().clone()))
}

async fn work(consumers: Consumers, mut queue: UnboundedReceiver<Hold>, stop: CancellationToken) {
    let most = consumers.tuning.batch.max(1);
    let mut holds = Vec::with_capacity(most);
    while queue.recv_many(&mut holds, most).await > 0 {
        if stop.is_cancelled() {
            give_back(std::mem::take(&mut holds)).await;
        } else {
            round(&consumers, std::mem::take(&mut holds), &stop).await;
        }
    }
}

/// Another replica can have them at once.
async fn give_back(holds: impl IntoIterator<Item = Hold>) {
    for hold in holds {
        hold.answer(AckKind::Nak(None)).await;
    }
}

/// Handles what has gathered: together if that works, else without what is in the way.
async fn round(consumers: &Consumers, holds: Vec<Hold>, stop: &CancellationToken) {
    if point::reached("consumer.round").await.is_err() {
        return;
    }
    if point::off("ack-after-commit") {
        for hold in &holds {
            let _ = hold.message.ack().await;
        }
    }
    let mut work = Vec::with_capacity(holds.len());
    for hold in holds {
        match verdict::class(consumers, &hold) {
            Class::Handled(delivery) => work.push((hold, *delivery)),
            Class::Ignored => verdict::ignored(hold).await,
            Class::Unreadable(fault) => verdict::bury(consumers, hold, &fault, 1, Utc::now()).await,
        }
    }
    let (again, first) =
        apart(work, |(hold, _)| hold.delivered() > 1, |(_, delivery)| &delivery.envelope.key);
    // The next group is the last one.
    let mut groups = vec![first, again];
    while let Some(group) = groups.pop() {
        if group.len() < 2 {
            for (hold, delivery) in group {
                verdict::single(consumers, hold, &delivery, stop).await;
            }
            continue;
        }
        let deliveries: Vec<&Delivery> = group.iter().map(|(_, delivery)| delivery).collect();
        let handled = {
            let _shared = consumers.bus.in_flight().read().await;
            effect::together(consumers, &deliveries).await
        };
        match handled {
            Ok(effects) => {
                for ((hold, delivery), effect) in group.into_iter().zip(effects) {
                    verdict::committed(consumers, hold, &delivery, effect).await;
                }
            }
            Err(Together::Unusable(fault)) => {
                let service = consumers.service();
                tracing::warn!(service, "events wait for the database: {}", fault.chain());
                groups.push(group);
                if !outage::wait(consumers, stop).await {
                    return give_back(groups.into_iter().flatten().map(|(hold, _)| hold)).await;
                }
            }
            Err(Together::Split(culprit)) => {
                metrics::counter!("consumer_split_batches_total", "service" => consumers.service())
                    .increment(1);
                if point::reached("consumer.split").await.is_err() {
                    return;
                }
                let parts = parts(group, culprit, |(_, delivery)| &delivery.envelope.key);
                groups.extend(parts.into_iter().rev());
            }
            // Each half might take as long.
            Err(Together::Late) => groups.extend(group.into_iter().rev().map(|one| vec![one])),
        }
    }
}

/// Events that were sent before, apart from the others: one that fails would waste what they have done each time. What is of
/// their keys stays with them, and so in its order.
fn apart<T>(
    events: Vec<T>,
    again: impl Fn(&T) -> bool,
    key: impl Fn(&T) -> &str,
) -> (Vec<T>, Vec<T>) {
    let keys: HashSet<String> =
        events.iter().filter(|event| again(event)).map(|event| key(event).to_owned()).collect();
    events.into_iter().partition(|event| keys.contains(key(event)))
}

/// What is tried in place of a group that failed: all others, then the one that is in the way, then what is behind it in its
/// key; or halves where nobody knows which one it is.
fn parts<T>(mut group: Vec<T>, culprit: Option<usize>, key: impl Fn(&T) -> &str) -> Vec<Vec<T>> {
    let at = culprit.unwrap_or(group.len() / 2).min(group.len());
    let mut behind = group.split_off(at);
    if culprit.is_none() || behind.is_empty() {
        return vec![group, behind];
    }
    let others = behind.split_off(1);
    let (same, others): (Vec<T>, Vec<T>) =
        others.into_iter().partition(|event| key(event) == key(&behind[0]));
    group.extend(others);
    vec![group, behind, same]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_tried_by_itself_and_before_what_is_behind_it_in_its_key() {
        let group = || vec!["a1", "b1", "a2", "c1", "b2", "a3"];
        let apart = |culprit| parts(group(), culprit, |event| &event[..1]);
        assert_eq!(apart(None), [vec!["a1", "b1", "a2"], vec!["c1", "b2", "a3"]]);
        assert_eq!(apart(Some(2)), [vec!["a1", "b1", "c1", "b2"], vec!["a2"], vec!["a3"]]);
        assert_eq!(apart(Some(0)), [vec!["b1", "c1", "b2"], vec!["a1"], vec!["a2", "a3"]]);
        assert_eq!(apart(Some(5)), [vec!["a1", "b1", "a2", "c1", "b2"], vec!["a3"], vec![]]);
    }

    #[test]
    fn what_was_sent_before_goes_by_itself_with_what_is_of_its_keys() {
        let group = vec!["a1", "b1", "a2 again", "c1 again", "d1", "a3"];
        let (again, first) = apart(group, |event| event.ends_with("again"), |event| &event[..1]);
        assert_eq!(again, ["a1", "a2 again", "c1 again", "a3"]);
        assert_eq!(first, ["b1", "d1"]);
    }

    #[tokio::test]
    async fn a_worker_that_dies_is_noticed_while_the_others_wait() {
        let (suspects, mut queue) = unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { while queue.recv().await.is_some() {} });
        tasks.spawn(async { panic!("as a bug would") });
        let mut workers = Workers { queues: Queues { by_key: Vec::new(), suspects }, tasks };
        let died = workers.died().await.chain();
        assert!(died.contains("as a bug would"), "{died}");
        let waits = tokio::time::timeout(std::time::Duration::from_millis(10), workers.died());
        assert!(waits.await.is_err());
        workers.finish().await.unwrap();
    }
}
