//! What the broker's errors mean for the rows that were sent.

use async_nats::jetstream;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use std::error::Error;

/// The account is full: its class says that the request is wrong, but every other row would be refused too.
const ACCOUNT_FULL_ERROR: u64 = 10002;

/// The same id is on its way already.
const ID_IN_FLIGHT_ERROR: u64 = 10158;

/// Why a row was not published.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Not because of this row: the broker cannot be reached, takes nothing, or did not answer.
    Unavailable(String),
    /// Because of this row.
    Refused(String),
}

/// The broker's own code of an error, if it comes from the broker.
pub(super) fn code(error: &PublishError) -> Option<&jetstream::Error> {
    error.source()?.downcast_ref::<jetstream::Error>()
}

pub(super) fn classify(error: &PublishError) -> Failure {
    let text = code(error).map_or_else(|| error.to_string(), ToString::to_string);
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => Failure::Refused(text),
        PublishErrorKind::Other => match code(error) {
            Some(why) if why.code() >= 500 => Failure::Unavailable(text),
            Some(why) if [ACCOUNT_FULL_ERROR, ID_IN_FLIGHT_ERROR].contains(&why.error_code().0) => {
                Failure::Unavailable(text)
            }
            Some(_) => Failure::Refused(text),
            None => Failure::Unavailable(text),
        },
        PublishErrorKind::WrongLastMessageId | PublishErrorKind::WrongLastSequence => {
            Failure::Refused(text)
        }
        PublishErrorKind::StreamNotFound
        | PublishErrorKind::TimedOut
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::MaxAckPending => Failure::Unavailable(text),
    }
}
