//! Answers that are kept until what they say changes: in the process (first level), in Redis (second level, shared by all instances), else
//! made anew, by one caller at a time.
//!
//! An answer depends on topics. [`Answers::ended`] says that a topic changed: each instance counts for itself, and in Redis the topic gets
//! a new mark for all. An answer is kept under the counts and marks that were read *before* it was made, so that one which was made from
//! what is over is never found again. No mark comes twice, so that it also is not where Redis was flushed. Topics and answers are forgotten
//! by age, so that neither has to be deleted.

use crate::connection::Redis;
use bytes::Bytes;
use kernel::digest::{hex, sha256};
use moka::future::Cache;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// Longest time that an answer may be kept. Marks of topics are remembered for longer, so that none that was forgotten brings an answer
/// back that was kept before there was one.
pub const MAX_AGE: Duration = Duration::from_secs(1800);
const TOPICS_AGE: Duration = Duration::from_secs(3600);
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
}

/// An answer that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The answer.
    pub bytes: Bytes,
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
    /// How long an answer is found in this process without a look into Redis.
    process_age: Duration,
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

/// An answer in Redis, and the marks under which it would be kept.
struct Asked {
    found: Option<Made>,
    marks: String,
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
            process_age: MAX_AGE,
            owed: Mutex::default(),
        }
    }

    /// The same, for a process that may miss that a topic ended: what it has is so old at most.
    #[must_use]
    pub fn in_process_for(self, age: Duration) -> Self {
        Self { process_age: age, ..self }
    }

    /// The answer to a question; `make` makes it where nobody has it. What cannot be made is not kept.
    pub async fn get<E: Clone + Send + Sync + 'static>(
        &self,
        question: &Question,
        make: impl Future<Output = Result<Made, E>>,
    ) -> Result<(Bytes, Source), E> {
        let counts: Vec<u64> = question
            .topics
            .iter()
            .map(|topic| self.counts.get(topic).unwrap_or_default())
            .collect();
        let key = format!("{} {counts:?}", question.key);
        let source = Arc::new(Mutex::new(Source::Process));
        let told = Arc::clone(&source);
        let work = async move {
            let asked = self.ask(question).await;
            let (made, marks) = match asked {
                Some(Asked { found: Some(made), .. }) => {
                    *lock(&told) = Source::Shared;
                    (made, None)
                }
                asked => {
                    let made = make.await?;
                    *lock(&told) = Source::Made;
                    (made, asked.map(|asked| asked.marks))
                }
            };
            let age = made.age.min(MAX_AGE);
            if let Some(marks) = marks.filter(|_| made.bytes.len() <= MAX_BYTES) {
                self.share(question, age, &marks, &made.bytes).await;
            }
            Ok::<_, E>(Kept { bytes: made.bytes, age: age.min(self.process_age) })
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
            let mark = Uuid::now_v7().as_simple().to_string();
            pipe.cmd("SET").arg(redis.key(&mark_key(topic))).arg(mark);
            pipe.arg("PX").arg(millis(TOPICS_AGE)).ignore();
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
            ask.arg(redis.key(&mark_key(topic)));
        }
        let mut left = redis::cmd("PTTL");
        left.arg(redis.key(&answer_key(&question.key)));
        let mut pipe = redis::pipe();
        pipe.add_command(ask).add_command(left);
        let (mut values, left) = redis.query::<(Vec<Option<Vec<u8>>>, i64)>(&pipe).await?;
        let marks: Vec<String> = values
            .split_off(1)
            .into_iter()
            .map(|mark| String::from_utf8_lossy(&mark.unwrap_or_default()).into_owned())
            .collect();
        let marks = marks.join(",");
        let found = values.pop().flatten().and_then(|value| {
            let bytes = Bytes::from(value);
            let end = bytes.iter().position(|byte| *byte == b'\n')?;
            // It may have gone since it was read.
            let age = Duration::from_millis(u64::try_from(left).ok()?);
            let is_same = bytes.get(..end)? == marks.as_bytes();
            is_same.then(|| Made { bytes: bytes.slice(end + 1..), age })
        });
        Some(Asked { found, marks })
    }

    async fn share(&self, question: &Question, age: Duration, marks: &str, bytes: &[u8]) {
        let Some(redis) = &self.redis else { return };
        let value = [marks.as_bytes(), b"\n", bytes].concat();
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

fn mark_key(topic: &str) -> String {
    format!("mark:{topic}")
}
