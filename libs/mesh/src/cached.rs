//! Answers of a service's methods that are kept until what they say changes: in the process for a second, in Redis for longer. The service
//! says what an answer depends on, and which of that a change ends, right after its commit. All replicas are told by a core NATS message;
//! one that misses it is a second behind at most. What nobody told of any more because a process died, the service has to end again from
//! something that is stored.

use bus::Bus;
use bus::hearing::{Heard, Hearing};
use bytes::Bytes;
use cache::answers::{Made, Question};
use cache::{Answers, Popular, Redis};
use contracts::Rpc;
use fault::Fault;
use kernel::digest::{hex, sha256};
use prost::Message;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How old an answer becomes in a process.
const PROCESS_AGE: Duration = Duration::from_secs(1);
/// How long an answer is kept that is often asked for.
const HOT_AGE: Duration = Duration::from_secs(60);
/// How long any other is.
const COLD_AGE: Duration = Duration::from_secs(1800);
/// Asked so often in a minute, a question is hot.
const HOT: u64 = 5;
/// How often a process tells what it was asked.
const REPORTS: Duration = Duration::from_secs(60);
/// Topics of one message; where more end at once, all do.
const MAX_TOPICS: usize = 1_000;
/// Depended on by every answer.
const ALL: &str = "all";
/// Longest wait for Redis at the start, to learn what is asked for most.
const START: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

/// The kept answers of a service. Cheap to clone.
#[derive(Clone)]
pub struct Cached(Arc<Inner>);

struct Inner {
    service: &'static str,
    answers: Answers,
    popular: Popular,
    /// None: there is no other replica.
    bus: Option<Bus>,
    /// Names this process, which needs not hear itself.
    process: Uuid,
}

impl Cached {
    /// Of a service whose replicas share a Redis and hear each other; a process has so many bytes.
    pub fn new(
        service: &'static str,
        max_bytes: u64,
        redis: Option<Redis>,
        bus: Option<Bus>,
    ) -> Self {
        Self(Arc::new(Inner {
            service,
            answers: Answers::new(redis.clone(), max_bytes).in_process_for(PROCESS_AGE),
            popular: Popular::new(redis, service),
            bus,
            process: Uuid::now_v7(),
        }))
    }

    /// The answer to a request; `make` makes it where nobody has it, and says how long it holds at most if nothing changes.
    pub async fn answer<Q, A, F>(
        &self,
        request: &Q,
        topics: &[String],
        make: impl Fn() -> F + Sync,
    ) -> Result<A, Fault>
    where
        Q: Rpc + Message,
        A: Message + Default,
        F: Future<Output = Result<(A, Option<Duration>), Fault>> + Send,
    {
        let own = &self.0;
        let encoded = request.encode_to_vec();
        let age = match own.popular.asked(&question(Q::METHOD, &encoded)) {
            HOT.. => HOT_AGE,
            _ => COLD_AGE,
        };
        let key = format!("{} {}", Q::METHOD, hex(&sha256(&encoded)));
        let all = [ALL.to_owned()];
        let topics = topics.iter().chain(&all).map(|topic| self.topic(topic));
        let asked = Question { key, topics: topics.collect() };
        let refused = Mutex::new(None);
        let work = async {
            match make().await {
                Ok((answer, holds)) => {
                    let bytes = answer.encode_to_vec().into();
                    Ok(Made { bytes, age: holds.unwrap_or(age).min(age) })
                }
                Err(fault) => {
                    *refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                    Err(())
                }
            }
        };
        // Pinned here: what is passed on would be copied at each step.
        let got = own.answers.get(&asked, Box::pin(work)).await;
        let source = match &got {
            Ok((_, source)) => source.name(),
            Err(()) => "refused",
        };
        metrics::counter!("cached_answers_total", "method" => Q::METHOD, "source" => source)
            .increment(1);
        match got {
            Ok((bytes, _)) => A::decode(bytes).map_err(Fault::internal),
            Err(()) => match refused.into_inner().unwrap_or_else(PoisonError::into_inner) {
                Some(fault) => Err(fault),
                // It was another call that failed, perhaps for want of time.
                None => Box::pin(make()).await.map(|(answer, _)| answer),
            },
        }
    }

    /// Ends what depends on these topics, in all replicas.
    pub async fn ended(&self, mut topics: Vec<String>) {
        if topics.is_empty() {
            return;
        }
        if topics.len() > MAX_TOPICS {
            topics = vec![ALL.to_owned()];
        }
        let own = &self.0;
        let message = format!("{}\n{}", own.process, topics.join("\n"));
        own.answers.ended(topics.iter().map(|topic| self.topic(topic))).await;
        // Who does not hear it is a second behind.
        if let Some(bus) = &own.bus {
            bus.announce(self.subject(), Bytes::from(message)).await;
        }
    }

    /// [`Cached::ended`] of everything.
    pub async fn all_ended(&self) {
        self.ended(vec![ALL.to_owned()]).await;
    }

    /// Ends what other replicas say, until the process ends.
    pub(crate) async fn follow(self, bus: Bus, ending: CancellationToken) {
        let publisher = format!("core.cached.{}", self.0.service);
        let following = async {
            loop {
                if let Ok(mut hearing) = Hearing::begin(&bus, &[&publisher]).await {
                    while let Some(heard) = hearing.next().await {
                        let topics = match heard {
                            Heard::Gap => vec![ALL.to_owned()],
                            Heard::Events(events) => {
                                events.iter().flat_map(|event| self.heard(&event.payload)).collect()
                            }
                        };
                        self.0.answers.ended(topics.iter().map(|topic| self.topic(topic))).await;
                    }
                }
                sleep(PAUSE).await;
            }
        };
        let _ = ending.run_until_cancelled(following).await;
    }

    /// The topics of a message of another process.
    fn heard(&self, payload: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(payload);
        let mut lines = text.lines();
        match lines.next() {
            Some(process) if process != self.0.process.to_string() => {
                lines.map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Tells the other replicas what this one is asked for, until the process ends.
    pub(crate) async fn report(self, ending: CancellationToken) {
        while ending.run_until_cancelled(sleep(REPORTS)).await.is_some() {
            self.0.popular.report().await;
        }
        self.0.popular.report().await;
    }

    /// Answers ahead what was asked for most today and yesterday, so that what was not kept is. `answer` gets the method and the encoded
    /// request.
    pub async fn warm<F>(self, count: usize, answer: impl Fn(String, Vec<u8>) -> F)
    where
        F: Future<Output = ()>,
    {
        let most = timeout(START, async {
            loop {
                let most = self.0.popular.most(count).await;
                if !most.is_empty() {
                    break most;
                }
                sleep(PAUSE).await;
            }
        });
        let most = most.await.unwrap_or_default();
        let asked = most.len();
        for question in most {
            if let Some(end) = question.iter().position(|byte| *byte == b'\n') {
                let method = String::from_utf8_lossy(&question[..end]).into_owned();
                answer(method, question[end + 1..].to_vec()).await;
            }
        }
        tracing::info!(asked, "{}: answered ahead what is asked for most", self.0.service);
    }

    fn topic(&self, topic: &str) -> String {
        format!("{}:{topic}", self.0.service)
    }

    fn subject(&self) -> String {
        format!("core.cached.{}.ended", self.0.service)
    }
}

fn question(method: &str, encoded: &[u8]) -> Vec<u8> {
    [method.as_bytes(), b"\n", encoded].concat()
}
