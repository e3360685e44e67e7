//! An event on its way to a handler, wherever it comes from: the broker, a kept entry, a dead letter.

use crate::dead::DeadLetter;
use crate::envelope::{self, Envelope};
use async_nats::HeaderMap;
use bytes::Bytes;
use fault::Fault;
use fault::context::{Caller, Context};
use pg::early::Early;
use std::sync::Arc;
use uuid::Uuid;

/// Header of a kept entry that was made by replaying a dead letter: the position of that dead letter, which may not
/// have been removed yet.
pub(super) const DEAD_LETTER_SEQUENCE: &str = "souk-letter";

/// An event on its way to a handler.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub consumer: Arc<str>,
    pub envelope: Envelope,
    pub headers: HeaderMap,
    pub payload: Bytes,
}

impl Delivery {
    pub fn of_message(
        consumer: &Arc<str>,
        message: &async_nats::jetstream::Message,
    ) -> Result<Self, Fault> {
        let headers = message.headers.clone().unwrap_or_default();
        Ok(Self {
            consumer: consumer.clone(),
            envelope: Envelope::read(&message.subject, &headers)?,
            headers,
            payload: message.payload.clone(),
        })
    }

    pub fn of_dead_letter(dead_letter: &DeadLetter) -> Result<Self, Fault> {
        let mut headers = dead_letter.headers.clone();
        headers.insert(DEAD_LETTER_SEQUENCE, dead_letter.sequence.to_string());
        Ok(Self {
            consumer: dead_letter.consumer.as_str().into(),
            envelope: Envelope::read(&dead_letter.original_subject, &dead_letter.headers)?,
            headers,
            payload: dead_letter.payload.clone(),
        })
    }

    pub fn of_early(kept: &Early) -> Result<Self, Fault> {
        let headers = envelope::from_json(&kept.headers);
        Ok(Self {
            consumer: kept.consumer.as_str().into(),
            envelope: Envelope::read(&kept.subject, &headers)?,
            headers,
            payload: kept.payload.clone().into(),
        })
    }

    pub fn kept(&self, awaited: &str) -> Early {
        Early {
            consumer: self.consumer.to_string(),
            event_id: self.id(),
            awaited: awaited.to_owned(),
            subject: self.envelope.subject.clone(),
            headers: envelope::to_json(&self.headers),
            payload: self.payload.to_vec(),
        }
    }

    pub fn id(&self) -> Uuid {
        self.envelope.id
    }

    pub fn subject(&self) -> &str {
        &self.envelope.subject
    }

    /// The context of the handler's work: caused by the event, with the event's correlation id.
    pub fn context(&self, service: &str) -> Context {
        let id = self.id().to_string();
        Context {
            work: "event",
            correlation_id: self.envelope.correlation_id.clone().unwrap_or_else(|| id.clone()),
            causation_id: Some(id),
            traceparent: self.envelope.traceparent.clone(),
            deadline: None,
            caller: Caller { subject: service.to_owned(), token: None },
        }
    }
}
