//! Answers that are kept until what they say changes: in the process (first level), in Redis (second level, shared by all instances), else
//! made anew, by one caller at a time.
//!
//! An answer depends on topics. [`Answers::ended`] says that a topic changed: each instance counts for itself, and Redis counts for all. An
//! answer is kept under the counts that were read *before* it was made, so that one which was made from what is over is never found
//! again. Topics and answers are forgotten by age, so that neither has to be deleted.

use crate::connection::Redis;
use bytes::Bytes;
use kernel::digest::{hex, sha256};
use moka::future::Cache;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest time that an answer may be kept. Counts of topics are remembered for far longer, so that none that was used is used again
/// while an answer under it is kept.
pub const MAX_AGE: Duration = Duration::from_secs(60);
const TOPICS_AGE: Duration = Duration::from_secs(600);
/// Topics that an instance remembers.
const MAX_TOPICS: u64 = 1_000_000;
/// Larger answers are not kept.
const MAX_BYTES: usize = 256 * 1024;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Question {
    /// The same for all that are answered alike.
    pub key: String,
    /// What the answer depends on.
    pub topics: Vec<String>,
    /// How long it may be kept, at most [`MAX_AGE`].
    pub age: Duration,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// This process had it, or another caller of it was just making it.
    Process,
    /// Redis had it.
    Shared,
    /// It was made.
    Made,
}

impl Source {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Shared => "shared",
            Self::Made => "made",
        }
    }
}

/// The kept answers.
pub struct Answers {
    kept: Cache<String, Kept>,
    /// The count of each topic that changed lately.
    counts: moka::sync::Cache<String, u64>,
    /// Of all topics together, so that no count comes twice.
    changes: AtomicU64,
    redis: Option<Redis>,
    /// Topics that changed while Redis did not answer. Until it knows of them it is not asked.
    owed: Mutex<BTreeMap<String, u64>>,
}

#[derive(Clone)]
struct Kept {
    bytes: Bytes,
    age: Duration,
}

struct ByAge;

impl moka::Expiry<String, Kept> for ByAge {
    fn expire_after_create(
        &self,
        _: &String,
        kept: &Kept,
        _: std::time::Instant,
    ) -> Option<Duration> {
        Some(kept.age)
    }
}

/// Bytes of an answer in Redis, and the counts under which it would be kept.
struct Asked {
    found: Option<Bytes>,
    counts: String,
}

impl Answers {
    /// Keeps so many bytes in this process.
    pub fn new(redis: Option<Redis>, max_bytes: u64) -> Self {
        let weight = |key: &String, kept: &Kept| {
            u32::try_from(key.len() + kept.bytes.len() + 100).unwrap_or(u32::MAX)
        };
        Self {
            kept: Cache::builder()
                .max_capacity(max_bytes)
                .weigher(weight)
                .expire_after(ByAge)
                .build(),
            counts: moka::sync::Cache::builder()
                .max_capacity(MAX_TOPICS)
                .time_to_live(TOPICS_AGE)
                .build(),
            changes: AtomicU64::new(1),
            redis,
            owed: Mutex::default(),
        }
    }

    /// The answer to a question; `make` makes it where nobody has it. What cannot be made is not kept.
    pub async fn get<E: Clone + Send + Sync + 'static>(
        &self,
        question: &Question,
        make: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<(Bytes, Source), E> {
        let counts: Vec<u64> = question
            .topics
            .iter()
            .map(|topic| self.counts.get(topic).unwrap_or_default())
            .collect();
        let key = format!("{} {counts:?}", question.key);
        let source = Arc::new(Mutex::new(Source::Process));
        let (age, told) = (question.age.min(MAX_AGE), Arc::clone(&source));
        let work = async move {
            let asked = self.ask(question).await;
            if let Some(Asked { found: Some(bytes), .. }) = asked {
                *lock(&told) = Source::Shared;
                return Ok(Kept { bytes, age });
            }
            let bytes = make.await?;
            *lock(&told) = Source::Made;
            if let Some(asked) = asked.filter(|_| bytes.len() <= MAX_BYTES) {
                self.share(question, age, &asked.counts, &bytes).await;
            }
            Ok::<_, E>(Kept { bytes, age })
        };
        match self.kept.try_get_with(key.clone(), work).await {
            Ok(kept) => {
                if kept.bytes.len() > MAX_BYTES {
                    self.kept.invalidate(&key).await;
                }
                let source = *lock(&source);
                Ok((kept.bytes, source))
            }
            Err(error) => Err(E::clone(&error)),
        }
    }

    /// These topics changed: no answer that depends on one of them is found again.
    pub async fn ended(&self, topics: impl IntoIterator<Item = String>) {
        for topic in topics {
            let count = self.changes.fetch_add(1, Ordering::Relaxed);
            self.counts.insert(topic.clone(), count);
            if self.redis.is_some() {
                lock(&self.owed).insert(topic, count);
            }
        }
        self.settle().await;
    }

    /// Tells Redis what it does not know yet; false: it still does not.
    async fn settle(&self) -> bool {
        let Some(redis) = &self.redis else { return true };
        let owed = lock(&self.owed).clone();
        if owed.is_empty() {
            return true;
        }
        let mut pipe = redis::pipe();
        for topic in owed.keys() {
            let key = redis.key(&count_key(topic));
            pipe.incr(&key, 1).ignore();
            pipe.pexpire(&key, millis(TOPICS_AGE)).ignore();
        }
        if redis.query::<()>(&pipe).await.is_none() {
            return false;
        }
        let mut left = lock(&self.owed);
        // What changed once more meanwhile is still owed.
        left.retain(|topic, count| owed.get(topic) != Some(count));
        left.is_empty()
    }

    async fn ask(&self, question: &Question) -> Option<Asked> {
        let redis = self.redis.as_ref()?;
        if !self.settle().await {
            return None;
        }
        let mut ask = redis::cmd("MGET");
        ask.arg(redis.key(&answer_key(&question.key)));
        for topic in &question.topics {
            ask.arg(redis.key(&count_key(topic)));
        }
        let mut pipe = redis::pipe();
        pipe.add_command(ask);
        let (mut values,) = redis.query::<(Vec<Option<Vec<u8>>>,)>(&pipe).await?;
        let counts: Vec<String> = values
            .split_off(1)
            .into_iter()
            .map(|count| String::from_utf8_lossy(&count.unwrap_or_default()).into_owned())
            .collect();
        let counts = counts.join(",");
        let found = values.pop().flatten().and_then(|value| {
            let bytes = Bytes::from(value);
            let end = bytes.iter().position(|byte| *byte == b'\n')?;
            (bytes.get(..end)? == counts.as_bytes()).then(|| bytes.slice(end + 1..))
        });
        Some(Asked { found, counts })
    }

    async fn share(&self, question: &Question, age: Duration, counts: &str, bytes: &[u8]) {
        let Some(redis) = &self.redis else { return };
        let value = [counts.as_bytes(), b"\n", bytes].concat();
        let mut pipe = redis::pipe();
        pipe.cmd("SET")
            .arg(redis.key(&answer_key(&question.key)))
            .arg(value)
            .arg("PX")
            .arg(millis(age));
        pipe.ignore();
        // Where Redis is gone, the next one makes it again.
        let _ = redis.query::<()>(&pipe).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).max(1)
}

fn answer_key(key: &str) -> String {
    format!("answer:{}", hex(&sha256(key.as_bytes())[..16]))
}

fn count_key(topic: &str) -> String {
    format!("count:{topic}")
}
