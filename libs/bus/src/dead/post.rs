//! Makes a letter of an event.

use super::letter::{self, ATTEMPTS, ERROR, FIRST_AT, LAST_AT, ORIGINAL_SUBJECT, REASON};
use crate::{Bus, envelope};
use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use fault::{Fault, point};

/// Bytes of an error that a letter keeps, as they travel. With the other headers they have room in what a letter may be larger
/// than its event.
const LONGEST_ERROR: usize = 8 * 1024;

/// An event to be made a dead letter.
#[derive(Debug)]
pub(crate) struct Burial {
    pub consumer: String,
    pub letter_id: String,
    pub subject: String,
    pub headers: HeaderMap,
    pub payload: Bytes,
    pub reason: String,
    pub error: String,
    pub attempts: u32,
    pub first_at: DateTime<Utc>,
}

impl Burial {
    /// Subject of the letter that a service makes of it.
    pub fn address(&self, service: &str) -> String {
        letter::address(service, &self.consumer, &self.letter_id)
    }
}

/// Publishes a letter and returns when the broker has it; that there is one already is success.
pub(crate) async fn post(bus: &Bus, service: &str, burial: &Burial) -> Result<(), Fault> {
    point::reached("dead.post").await?;
    let subject = burial.address(service);
    let message = PublishMessage::build()
        .headers(headers(burial))
        .payload(burial.payload.clone())
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
                "consumer" => burial.consumer.clone(),
                "reason" => burial.reason.clone(),
            )
            .increment(1);
            point::reached("dead.posted").await
        }
        Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(()),
        Err(error) => Err(Fault::unavailable("the stream of dead letters", error)),
    }
}

fn headers(burial: &Burial) -> HeaderMap {
    let mut headers = envelope::without_broker(&burial.headers);
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    headers.insert(REASON, envelope::printable(&burial.reason));
    headers.insert(ERROR, envelope::printable_within(&burial.error, LONGEST_ERROR));
    headers.insert(ATTEMPTS, burial.attempts.to_string());
    headers.insert(FIRST_AT, time(burial.first_at));
    headers.insert(LAST_AT, time(Utc::now()));
    headers.insert(ORIGINAL_SUBJECT, envelope::printable(&burial.subject));
    headers
}
