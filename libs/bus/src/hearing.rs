//! Events as they are published, for what only has to know that something changed: every process hears all of them, none is kept for it.

use crate::{Bus, envelope};
use async_nats::Subscriber;
use bytes::Bytes;
use fault::Fault;
use futures::stream::{ReadyChunks, SelectAll, StreamExt, select_all};
use tokio::sync::watch;

/// Events that are given together at most.
const MAX_TOGETHER: usize = 1_000;

/// What a process hears.
#[derive(Debug)]
pub enum Heard {
    /// These events, in no order.
    Events(Vec<HeardEvent>),
    /// There was no connection: some may have been missed.
    Gap,
}

/// An event.
#[derive(Debug)]
pub struct HeardEvent {
    /// Subject that it is published under.
    pub subject: String,
    /// Key of its aggregate; empty where its headers have none.
    pub key: String,
    /// Its bytes.
    pub payload: Bytes,
}

/// Hears the events of some services.
pub struct Hearing {
    bus: Bus,
    breaks: watch::Receiver<u64>,
    messages: ReadyChunks<SelectAll<Subscriber>>,
    /// The connection was lost, and did not stand again yet.
    is_gap: bool,
}

impl Hearing {
    /// Hears from now on. Fails where the broker takes no subscription.
    pub async fn begin(bus: &Bus, publishers: &[&str]) -> Result<Self, Fault> {
        let breaks = bus.breaks();
        let mut subscriptions = Vec::new();
        for publisher in publishers {
            let subject = format!("{publisher}.>");
            subscriptions.push(bus.client().subscribe(subject).await.map_err(Fault::internal)?);
        }
        let messages = select_all(subscriptions).ready_chunks(MAX_TOGETHER);
        Ok(Self { bus: bus.clone(), breaks, messages, is_gap: false })
    }

    /// What is heard next; none: nothing more will be.
    pub async fn next(&mut self) -> Option<Heard> {
        if self.is_gap {
            // Said at its end too: what was answered meanwhile may be of before.
            self.bus.until_connected().await;
            self.is_gap = false;
            return Some(Heard::Gap);
        }
        tokio::select! {
            broke = self.breaks.changed() => {
                self.is_gap = true;
                broke.ok().map(|()| Heard::Gap)
            }
            messages = self.messages.next() => {
                let events = messages?.into_iter().map(|message| HeardEvent {
                    key: message.headers.as_ref().and_then(envelope::key).unwrap_or_default().to_owned(),
                    subject: message.subject.to_string(),
                    payload: message.payload,
                });
                Some(Heard::Events(events.collect()))
            }
        }
    }
}

impl std::fmt::Debug for Hearing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hearing").field("is_gap", &self.is_gap).finish_non_exhaustive()
    }
}
