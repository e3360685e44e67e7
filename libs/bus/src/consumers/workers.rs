//! Workers. All events of one key go to one of them, which handles them in order; the events in its queue share a
//! transaction.

use super::acknowledge::{self, Class};
use super::context::Consumers;
use super::delivery::Delivery;
use super::effect::{self, NotTogether};
use super::in_progress::{HeldMessage, InProgress};
use super::unavailable::Unavailable;
use super::{isolation, outage};
use crate::envelope;
use async_nats::jetstream::AckKind;
use chrono::Utc;
use fault::{Fault, point};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// The queues of the workers. `max_ack_pending` of the durable consumers bounds the messages in them; one that the broker
/// delivers again while it is in progress is in them twice.
#[derive(Clone)]
pub(super) struct Queues {
    by_key: Vec<UnboundedSender<HeldMessage>>,
    isolation: UnboundedSender<HeldMessage>,
    unavailable: Unavailable,
}

impl Queues {
    /// Sends a message to the worker of its key, or to the isolation lane if it was delivered too often.
    pub fn send(&self, held: HeldMessage) {
        // A worker ends only after all senders are gone, or by a bug, which ends all tasks: see [`Workers::died`].
        if isolation::is_isolated(&self.unavailable, &held) {
            let _ = self.isolation.send(held);
            return;
        }
        let mut hasher = DefaultHasher::new();
        match held.message.headers.as_ref().and_then(envelope::key) {
            Some(key) => key.hash(&mut hasher),
            None => held.message.subject.as_str().hash(&mut hasher),
        }
        let index = hasher.finish() % u64::try_from(self.by_key.len()).unwrap_or(1).max(1);
        if let Some(queue) = usize::try_from(index).ok().and_then(|index| self.by_key.get(index)) {
            let _ = queue.send(held);
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

    /// Returns when a worker has died: its messages would be delivered again, but not handled.
    pub async fn died(&mut self) -> Fault {
        match self.tasks.join_next().await {
            Some(Err(died)) => Fault::internal(died),
            // The others wait for events as long as their queues are open, and `self` has the senders.
            _ => std::future::pending().await,
        }
    }

    /// Waits until the workers have finished their queues.
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

pub(super) fn start(consumers: &Consumers, stop: &CancellationToken) -> (Workers, InProgress) {
    let mut tasks = JoinSet::new();
    let mut by_key = Vec::new();
    for _ in 0..consumers.tuning.workers.max(1) {
        let (sender, queue) = unbounded_channel();
        by_key.push(sender);
        tasks.spawn(worker(consumers.clone(), queue, stop.clone()));
    }
    let (isolation, queue) = unbounded_channel();
    tasks.spawn(isolation::run(consumers.clone(), queue, stop.clone()));
    let queues = Queues { by_key, isolation, unavailable: consumers.unavailable.clone() };
    (Workers { queues, tasks }, InProgress::new(consumers.bus.client().clone()))
}

async fn worker(
    consumers: Consumers,
    mut queue: UnboundedReceiver<HeldMessage>,
    stop: CancellationToken,
) {
    let max_batch = consumers.tuning.batch.max(1);
    let gather = consumers.tuning.gather;
    let mut messages = Vec::with_capacity(max_batch);
    while queue.recv_many(&mut messages, max_batch).await > 0 {
        if stop.is_cancelled() {
            give_back(std::mem::take(&mut messages)).await;
        } else {
            let (is_full, started) = (messages.len() == max_batch, Instant::now());
            handle(&consumers, std::mem::take(&mut messages), &stop).await;
            if let Some(pause) = pause(is_full, started.elapsed(), gather) {
                let _ = timeout(pause, stop.cancelled()).await;
            }
        }
    }
}

/// How long a worker waits for more events to share the next transaction, after one that took so long.
fn pause(was_full: bool, took: Duration, longest: Duration) -> Option<Duration> {
    (!was_full && !longest.is_zero()).then(|| took.min(longest))
}

/// Another replica can have them at once.
async fn give_back(messages: impl IntoIterator<Item = HeldMessage>) {
    for held in messages {
        held.acknowledge(AckKind::Nak(None)).await;
    }
}

/// Handles a batch: together if that works, else apart from the event that failed.
async fn handle(consumers: &Consumers, messages: Vec<HeldMessage>, stop: &CancellationToken) {
    if point::reached("consumer.round").await.is_err() {
        return;
    }
    if point::off("ack-after-commit") {
        for held in &messages {
            let _ = held.message.ack().await;
        }
    }
    let mut work = Vec::with_capacity(messages.len());
    for held in messages {
        match acknowledge::classify(consumers, &held) {
            Class::Handled(delivery) => work.push((held, *delivery)),
            Class::Ignored => acknowledge::ignored(held).await,
            Class::Unreadable(fault) => {
                acknowledge::dead_letter(consumers, held, &fault, 1, Utc::now()).await;
            }
        }
    }
    let (redelivered, first) = split_redelivered(
        work,
        |(held, _)| held.deliveries() > 1,
        |(_, delivery)| &delivery.envelope.key,
    );
    // The next group is the last one.
    let mut groups = vec![first, redelivered];
    while let Some(group) = groups.pop() {
        if group.len() < 2 {
            for (held, delivery) in group {
                acknowledge::handle_single(consumers, held, &delivery, stop).await;
            }
            continue;
        }
        let deliveries: Vec<&Delivery> = group.iter().map(|(_, delivery)| delivery).collect();
        let handled = {
            let _shared = consumers.in_flight.read().await;
            effect::together(consumers, &deliveries).await
        };
        match handled {
            Ok(effects) => {
                for ((held, delivery), effect) in group.into_iter().zip(effects) {
                    acknowledge::committed(consumers, held, &delivery, effect).await;
                }
            }
            Err(NotTogether::Unavailable(fault)) => {
                let service = consumers.service();
                tracing::warn!(service, "events wait for the database: {}", fault.chain());
                groups.push(group);
                if !outage::wait(consumers, stop).await {
                    return give_back(groups.into_iter().flatten().map(|(held, _)| held)).await;
                }
            }
            Err(NotTogether::Split(culprit)) => {
                metrics::counter!("consumer_split_batches_total", "service" => consumers.service())
                    .increment(1);
                if point::reached("consumer.split").await.is_err() {
                    return;
                }
                let parts = split_failed(group, culprit, |(_, delivery)| &delivery.envelope.key);
                groups.extend(parts.into_iter().rev());
            }
            // Each half might take as long.
            Err(NotTogether::TimedOut) => {
                groups.extend(group.into_iter().rev().map(|one| vec![one]))
            }
        }
    }
}

/// Splits events that were delivered before from the others, whose work each failure of one of them would undo. All events of
/// their keys stay with them, and so in order.
fn split_redelivered<T>(
    events: Vec<T>,
    is_redelivered: impl Fn(&T) -> bool,
    key: impl Fn(&T) -> &str,
) -> (Vec<T>, Vec<T>) {
    let keys: HashSet<String> = events
        .iter()
        .filter(|event| is_redelivered(event))
        .map(|event| key(event).to_owned())
        .collect();
    events.into_iter().partition(|event| keys.contains(key(event)))
}

/// What is tried in place of a group that failed: all others, then the one that failed, then the later ones of its key; or halves
/// where it is not known which one failed.
fn split_failed<T>(
    mut group: Vec<T>,
    culprit: Option<usize>,
    key: impl Fn(&T) -> &str,
) -> Vec<Vec<T>> {
    let at = culprit.unwrap_or(group.len() / 2).min(group.len());
    let mut rest = group.split_off(at);
    if culprit.is_none() || rest.is_empty() {
        return vec![group, rest];
    }
    let others = rest.split_off(1);
    let (same, others): (Vec<T>, Vec<T>) =
        others.into_iter().partition(|event| key(event) == key(&rest[0]));
    group.extend(others);
    vec![group, rest, same]
}

#[cfg(test)]
mod tests {
    use super::super::settings::Tuning;
    use super::*;

    #[test]
    fn the_one_that_failed_is_tried_by_itself_and_before_the_later_ones_of_its_key() {
        let group = || vec!["a1", "b1", "a2", "c1", "b2", "a3"];
        let split = |culprit| split_failed(group(), culprit, |event| &event[..1]);
        assert_eq!(split(None), [vec!["a1", "b1", "a2"], vec!["c1", "b2", "a3"]]);
        assert_eq!(split(Some(2)), [vec!["a1", "b1", "c1", "b2"], vec!["a2"], vec!["a3"]]);
        assert_eq!(split(Some(0)), [vec!["b1", "c1", "b2"], vec!["a1"], vec!["a2", "a3"]]);
        assert_eq!(split(Some(5)), [vec!["a1", "b1", "a2", "c1", "b2"], vec!["a3"], vec![]]);
    }

    #[test]
    fn what_was_delivered_before_goes_by_itself_with_the_events_of_its_keys() {
        let group = vec!["a1", "b1", "a2 again", "c1 again", "d1", "a3"];
        let (redelivered, first) =
            split_redelivered(group, |event| event.ends_with("again"), |event| &event[..1]);
        assert_eq!(redelivered, ["a1", "a2 again", "c1 again", "a3"]);
        assert_eq!(first, ["b1", "d1"]);
    }

    #[test]
    fn more_are_waited_for_as_long_as_the_last_took_and_not_while_more_are_there() {
        let [short, long, most] = [5, 900, 25].map(Duration::from_millis);
        assert_eq!(pause(false, short, most), Some(short));
        assert_eq!(pause(false, long, most), Some(most));
        assert_eq!(pause(true, short, most), None);
        assert_eq!(pause(false, short, Duration::ZERO), None);
        assert_eq!(pause(false, long, Tuning::default().gather), None);
    }

    #[tokio::test]
    async fn a_worker_that_dies_is_noticed_while_the_others_wait() {
        let (isolation, mut queue) = unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { while queue.recv().await.is_some() {} });
        tasks.spawn(async { panic!("as a bug would") });
        let mut workers = Workers {
            queues: Queues { by_key: Vec::new(), isolation, unavailable: Unavailable::default() },
            tasks,
        };
        let died = workers.died().await.chain();
        assert!(died.contains("as a bug would"), "{died}");
        let waits = timeout(Duration::from_millis(10), workers.died());
        assert!(waits.await.is_err());
        workers.finish().await.unwrap();
    }
}
