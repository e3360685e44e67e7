//! Makes a dead letter of an event.

use super::dead_letter::{self, ATTEMPTS, ERROR, FIRST_AT, LAST_AT, ORIGINAL_SUBJECT, REASON};
use crate::{Bus, envelope};
use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use fault::{Fault, point};

/// Bytes of the error in a dead letter's header. With the other headers they fit into what a dead letter may be larger than its
/// event.
const MAX_ERROR_BYTES: usize = 8 * 1024;

/// A dead letter that is to be published.
#[derive(Debug)]
pub(crate) struct NewDeadLetter {
    pub consumer: String,
    pub event_id: String,
    pub subject: String,
    pub headers: HeaderMap,
    pub payload: Bytes,
    pub reason: String,
    pub error: String,
    pub attempts: u32,
    pub first_at: DateTime<Utc>,
}

impl NewDeadLetter {
    /// Its subject, as a dead letter of `service`.
    pub fn subject(&self, service: &str) -> String {
        dead_letter::subject(service, &self.consumer, &self.event_id)
    }
}

/// Publishes a dead letter and returns when the broker has stored it; one that exists already is success.
pub(crate) async fn publish(bus: &Bus, service: &str, new: &NewDeadLetter) -> Result<(), Fault> {
    point::reached("dead.publish").await?;
    let subject = new.subject(service);
    let message = PublishMessage::build()
        .headers(headers(new))
        .payload(new.payload.clone())
        .expected_last_subject_sequence(0);
    let sent = bus.jetstream().send_publish(subject, message).await;
    let acked = match sent {
        Ok(ack) => ack.await,
        Err(error) => Err(error),
    };
    match acked {
        Ok(_) => {
            metrics::counter!(
                "dead_letters_posted_total",
                "consumer" => new.consumer.clone(),
                "reason" => new.reason.clone(),
            )
            .increment(1);
            point::reached("dead.published").await
        }
        Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(()),
        Err(error) => Err(Fault::unavailable("the stream of dead letters", error)),
    }
}

fn headers(new: &NewDeadLetter) -> HeaderMap {
    let mut headers = envelope::without_broker(&new.headers);
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    headers.insert(REASON, envelope::printable(&new.reason));
    headers.insert(ERROR, envelope::printable_within(&new.error, MAX_ERROR_BYTES));
    headers.insert(ATTEMPTS, new.attempts.to_string());
    headers.insert(FIRST_AT, time(new.first_at));
    headers.insert(LAST_AT, time(Utc::now()));
    headers.insert(ORIGINAL_SUBJECT, envelope::printable(&new.subject));
    headers
}
