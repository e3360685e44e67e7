//! Which questions are asked most, by all instances together: what to answer ahead when an instance starts, and what is hot.

use crate::connection::Redis;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Different questions that an instance counts between two reports.
const MAX_COUNTED: usize = 10_000;
/// Questions that are remembered of a day.
const MAX_REMEMBERED: isize = 1_000;
/// How long those of a day are remembered.
const MEMORY: Duration = Duration::from_secs(2 * 24 * 3600);

/// Counts questions.
pub struct Popular {
    redis: Option<Redis>,
    name: &'static str,
    asked: Mutex<HashMap<Vec<u8>, u64>>,
}

impl Popular {
    /// Of the cache of this name.
    pub fn new(redis: Option<Redis>, name: &'static str) -> Self {
        Self { redis, name, asked: Mutex::default() }
    }

    /// A question was asked; returns how often since the last report.
    pub fn asked(&self, question: &[u8]) -> u64 {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = asked.get_mut(question) {
            *count += 1;
            return *count;
        }
        if asked.len() < MAX_COUNTED {
            asked.insert(question.to_vec(), 1);
        }
        1
    }

    /// Tells the other instances what this one was asked since its last report.
    pub async fn report(&self) {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(redis) = self.redis.as_ref().filter(|_| !asked.is_empty()) else { return };
        let key = redis.key(&self.key(days()));
        let mut pipe = redis::pipe();
        for (question, count) in asked {
            pipe.cmd("ZINCRBY").arg(&key).arg(count).arg(question).ignore();
        }
        pipe.cmd("ZREMRANGEBYRANK").arg(&key).arg(0).arg(-MAX_REMEMBERED - 1).ignore();
        pipe.cmd("EXPIRE").arg(&key).arg(MEMORY.as_secs()).ignore();
        // What is lost was only to make the next start quicker.
        let _ = redis.query::<()>(&pipe).await;
    }

    /// The questions that were asked most today and yesterday, the most frequent first.
    pub async fn most(&self, count: usize) -> Vec<Vec<u8>> {
        let Some(redis) = &self.redis else { return Vec::new() };
        let mut pipe = redis::pipe();
        for day in [days(), days() - 1] {
            let last = count.saturating_sub(1);
            pipe.cmd("ZREVRANGE").arg(redis.key(&self.key(day))).arg(0).arg(last);
        }
        let (today, yesterday): (Vec<Vec<u8>>, Vec<Vec<u8>>) =
            redis.query(&pipe).await.unwrap_or_default();
        let mut most = today;
        for question in yesterday {
            if most.len() < count && !most.contains(&question) {
                most.push(question);
            }
        }
        most.truncate(count);
        most
    }

    fn key(&self, day: u64) -> String {
        format!("popular:{}:{day}", self.name)
    }
}

/// The day of the clock, which needs not agree with that of others.
fn days() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / (24 * 3600)
}
