//! The replicas of a service, and which one a call goes to.

use crate::health::{Outcome, Standing};
use crate::replica::Replica;
use crate::typical::Typical;
use rand::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

/// How long the first calls wait for addresses.
const FIRST_ADDRESSES: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) target: &'static str,
    pub(crate) replicas: watch::Sender<Vec<Arc<Replica>>>,
    pub(crate) typical: Typical,
    /// Wakes who asks for the addresses: one of them is broken.
    pub(crate) broken: Notify,
}

impl Pool {
    pub(crate) fn new(target: &'static str) -> Self {
        Self {
            target,
            replicas: watch::Sender::default(),
            typical: Typical::default(),
            broken: Notify::new(),
        }
    }

    /// The less busy of two replicas, by preference one that was not `tried`; none while no address is known.
    pub(crate) async fn pick(&self, tried: &[SocketAddr]) -> Option<Arc<Replica>> {
        if self.replicas.borrow().is_empty() {
            let mut known = self.replicas.subscribe();
            let first = known.wait_for(|replicas| !replicas.is_empty());
            timeout(FIRST_ADDRESSES, first).await.ok()?.ok()?;
        }
        choose(&self.replicas.borrow(), tried)
    }

    /// Takes into account how a call to a replica went.
    pub(crate) fn note(&self, replica: &Replica, outcome: Outcome) {
        if replica.note(outcome, self.has_spare()) {
            let (target, cause, address) = (self.target, outcome.label(), replica.address);
            metrics::counter!("rpc_client_ejections_total", "target" => target, "cause" => cause)
                .increment(1);
            tracing::warn!(target_service = target, %address, cause, "a replica is left out for a time");
        }
        if outcome == Outcome::Broken {
            self.broken.notify_one();
        }
    }

    /// Whether one more replica can be left out and half of them are still called.
    fn has_spare(&self) -> bool {
        let (replicas, now) = (self.replicas.borrow(), Instant::now());
        let out = replicas.iter().filter(|replica| replica.standing(now) == Standing::Out).count();
        out < replicas.len() / 2
    }
}

fn choose(replicas: &[Arc<Replica>], tried: &[SocketAddr]) -> Option<Arc<Replica>> {
    let now = Instant::now();
    let new = |replica: &&Arc<Replica>| !tried.contains(&replica.address);
    let takes = |replica: &&Arc<Replica>| replica.takes_calls(now);
    let mut from: Vec<_> = replicas.iter().filter(takes).filter(new).collect();
    // Where all are left out, each is as good as any other.
    if from.is_empty() {
        from = replicas.iter().filter(new).collect();
    }
    if from.is_empty() {
        from = replicas.iter().collect();
    }
    less_busy(&from).cloned()
}

fn less_busy<'r>(from: &[&'r Arc<Replica>]) -> Option<&'r Arc<Replica>> {
    if from.len() < 2 {
        return from.first().copied();
    }
    let mut random = rand::rng();
    let one = random.random_range(0..from.len());
    let other = (one + random.random_range(1..from.len())) % from.len();
    let (one, other) = (from[one], from[other]);
    Some(if other.in_flight() < one.in_flight() { other } else { one })
}
