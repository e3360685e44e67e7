//! Sends a call to replicas until one answers, as often as that is allowed.

use crate::answer::{Answer, Failure, refusal};
use crate::budget::Budget;
use crate::health::Outcome;
use crate::pool::Pool;
use crate::replica::Replica;
use crate::request::Call;
use contracts::Policy;
use contracts::types::v1::Reason as Common;
use http::{Request, Response};
use rand::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::Code;
use tonic::body::Body;

/// How often a call is sent at most.
const ATTEMPTS: usize = 3;
/// How often one that could not be sent is tried elsewhere at most. Such attempts cost the service nothing.
const UNSENT: usize = 3;
const SHORTEST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Repeat {
    pool: Arc<Pool>,
    budget: Budget,
}

impl Repeat {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self { pool, budget: Budget::default() }
    }

    /// Sends a call of one message, again where that has no second effect.
    pub(crate) async fn unary(
        &self,
        policy: &'static Policy,
        request: Request<Body>,
    ) -> Result<Answer, Failure> {
        let call = Call::read(request, policy).await?;
        self.budget.deposit();
        let (mut tried, mut sent, mut unsent) = (Vec::new(), 0, 0);
        loop {
            let picked = timeout_at(call.deadline, self.pick(&tried)).await;
            let replica = picked.unwrap_or(Err(Failure::Late))?;
            tried.push(replica.address);
            let outcome = self.once(&call, sent, &replica, policy.path).await;
            let pause = match &outcome {
                Err(Failure::Unsent(_)) if unsent < UNSENT => {
                    unsent += 1;
                    self.count("unsent");
                    continue;
                }
                Err(Failure::Unsent(_) | Failure::Lost(_)) => Duration::ZERO,
                Ok(answer) if answer.code == Code::Unavailable => answer.pause.unwrap_or_default(),
                _ => return outcome,
            };
            sent += 1;
            let pause = pause.max(backoff(sent));
            let harmless = call.repeatable || matches!(outcome, Err(Failure::Unsent(_)));
            if !harmless || sent >= ATTEMPTS || call.left() <= pause {
                return outcome;
            }
            if !self.budget.withdraw() {
                self.count("over_budget");
                return outcome;
            }
            self.count("repeated");
            sleep(pause).await;
        }
    }

    /// Sends a call with a stream of messages, or one that the contract does not know: once.
    pub(crate) async fn stream(
        &self,
        method: &'static str,
        request: Request<Body>,
    ) -> Result<Answer, Failure> {
        let replica = self.pick(&[]).await?;
        let attempt = Attempt::begin(&self.pool, &replica, method);
        let outcome = replica.send(request).await;
        attempt.end(outcome.map(Answer::begun).map_err(Failure::of))
    }

    async fn once(
        &self,
        call: &Call,
        before: usize,
        replica: &Replica,
        method: &'static str,
    ) -> Result<Answer, Failure> {
        let attempt = Attempt::begin(&self.pool, replica, method);
        let sending = async {
            let response: Response<Body> =
                replica.send(call.attempt(before)).await.map_err(Failure::of)?;
            Answer::whole(response).await
        };
        let outcome = timeout_at(call.deadline, sending).await;
        let outcome = match outcome.unwrap_or(Err(Failure::Late)) {
            // So says a server of tonic whose timer is a little earlier than ours.
            Ok(answer) if answer.code == Code::Cancelled && call.left() < SAME_TIME => {
                Err(Failure::Late)
            }
            outcome => outcome,
        };
        attempt.end(outcome)
    }

    async fn pick(&self, tried: &[SocketAddr]) -> Result<Arc<Replica>, Failure> {
        self.pool.pick(tried).await.ok_or_else(|| {
            let message = format!("no address of {} is known", self.pool.target);
            Failure::Refused(refusal(Common::DependencyUnavailable, &message))
        })
    }

    fn count(&self, outcome: &'static str) {
        let target = self.pool.target;
        metrics::counter!("rpc_client_retries_total", "target" => target, "outcome" => outcome)
            .increment(1);
    }
}

/// A random pause, so that what failed together is not repeated together.
fn backoff(sent: usize) -> Duration {
    let longest = SHORTEST_PAUSE.saturating_mul(1 << sent.min(16)).min(LONGEST_PAUSE);
    longest.mul_f64(rand::rng().random_range(0.0..=1.0))
}

/// Timers of both sides that are no further apart ended a call at its deadline.
const SAME_TIME: Duration = Duration::from_millis(20);

/// A call on its way to a replica. How it ends tells about the replica, also that it was given up.
struct Attempt<'a> {
    pool: &'a Pool,
    replica: &'a Replica,
    method: &'static str,
    since: Instant,
    ended: bool,
}

impl<'a> Attempt<'a> {
    fn begin(pool: &'a Pool, replica: &'a Replica, method: &'static str) -> Self {
        replica.begin();
        Self { pool, replica, method, since: Instant::now(), ended: false }
    }

    fn end(mut self, outcome: Result<Answer, Failure>) -> Result<Answer, Failure> {
        let seen = match &outcome {
            Err(Failure::Unsent(_) | Failure::Lost(_)) => Outcome::Broken,
            Err(Failure::Late | Failure::Refused(_)) => return outcome,
            Ok(answer) if answer.code == Code::Unavailable => Outcome::Unavailable,
            Ok(_) if self.pool.typical.note(self.method, self.since.elapsed()) => Outcome::Slow,
            Ok(_) => Outcome::Good,
        };
        self.ended = true;
        self.pool.note(self.replica, seen);
        outcome
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.replica.end();
        if !self.ended && self.pool.typical.is_slow(self.method, self.since.elapsed()) {
            self.pool.note(self.replica, Outcome::Slow);
        }
    }
}
