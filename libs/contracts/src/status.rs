//! A refusal as it is sent. Message and details travel in HTTP/2 trailers; many clients take 8 KiB of them and drop the answer with
//! more. So whatever a refusal says is cut to fit.

use crate::reason::Kind;
use crate::violations::{Violations, cut};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// Most fields that are named; [`VIOLATION_COUNT`] says how many there were.
pub const MAX_FIELDS: usize = 20;

/// The entry of the metadata with the number of wrong fields, where not all are named.
pub const VIOLATION_COUNT: &str = "violation_count";

/// Most bytes of both trailers as they are sent.
const MAX_BYTES: usize = 6 * 1024;

/// Most bytes of the message as it is sent, percent-encoded. It is sent in the details once more.
const MAX_MESSAGE: usize = 1_000;

/// Bytes of the details besides message, metadata and fields: names of types, reason and domain, and when to try again.
const FRAME: usize = 400;

/// Bytes that enclose a field, or an entry of the metadata.
const ENCLOSING: usize = 12;

/// Most bytes of a value of the metadata, and of all of them.
const MAX_VALUE: usize = 200;
const MAX_METADATA: usize = 600;

/// What a refusal says.
#[derive(Debug)]
pub struct Parts<'r> {
    /// Determines the code.
    pub kind: Kind,
    /// The domain of the reason.
    pub domain: &'r str,
    /// The reason.
    pub reason: &'r str,
    /// For people.
    pub message: &'r str,
    /// For programs.
    pub metadata: &'r BTreeMap<String, String>,
    /// Fields that are wrong.
    pub violations: &'r Violations,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

impl Parts<'_> {
    /// The status, with details that fit.
    pub fn status(&self) -> Status {
        let message = encodable(self.message, MAX_MESSAGE);
        let mut metadata = self.metadata();
        let taken: usize =
            metadata.iter().map(|(key, value)| key.len() + value.len() + ENCLOSING).sum();
        // The details are sent in base64.
        let raw = (MAX_BYTES - encoded_len(&message)) / 4 * 3;
        let fields = self.fields(raw.saturating_sub(message.len() + taken + FRAME));
        if fields.len() < self.violations.count() {
            metadata.insert(VIOLATION_COUNT.to_owned(), self.violations.count().to_string());
        }
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason, self.domain, metadata);
        if !fields.is_empty() {
            details.set_bad_request(fields);
        }
        if self.retry_after.is_some() {
            details.set_retry_info(self.retry_after);
        }
        Status::with_error_details(self.kind.code(), message, details)
    }

    /// The first fields, as many as fit into so many bytes.
    fn fields(&self, mut left: usize) -> Vec<FieldViolation> {
        let fits = |field: &&crate::Violation| {
            let needed = field.field.len() + field.message.len() + ENCLOSING;
            let fits = needed <= left;
            left = left.saturating_sub(needed);
            fits
        };
        let fields = self.violations.iter().take(MAX_FIELDS).take_while(fits);
        fields.map(|found| FieldViolation::new(&found.field, &found.message)).collect()
    }

    fn metadata(&self) -> HashMap<String, String> {
        let mut left = MAX_METADATA;
        let mut kept = HashMap::new();
        for (key, value) in self.metadata {
            let value = cut(value.clone(), MAX_VALUE);
            if let Some(rest) = left.checked_sub(key.len() + value.len()) {
                left = rest;
                kept.insert(key.clone(), value);
            }
        }
        kept
    }
}

/// As much of a message as takes so many bytes when it is percent-encoded.
fn encodable(message: &str, max_bytes: usize) -> String {
    const ELLIPSIS: char = '…';
    if encoded_len(message) <= max_bytes {
        return message.to_owned();
    }
    let mut left = max_bytes - encoded_size(ELLIPSIS);
    let fits = |char: &char| {
        let fits = encoded_size(*char) <= left;
        left = left.saturating_sub(encoded_size(*char));
        fits
    };
    message.chars().take_while(fits).chain([ELLIPSIS]).collect()
}

/// At most so many bytes: some signs are sent as they are.
fn encoded_len(text: &str) -> usize {
    text.chars().map(encoded_size).sum()
}

fn encoded_size(char: char) -> usize {
    if char.is_ascii_alphanumeric() { 1 } else { 3 * char.len_utf8() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Violation;

    /// Bytes of the two trailers, as tonic sends them.
    fn sent(status: Status) -> usize {
        let response = status.into_http::<tonic::body::Body>();
        let trailers = ["grpc-message", "grpc-status-details-bin"];
        trailers.iter().filter_map(|name| response.headers().get(*name)).map(|it| it.len()).sum()
    }

    fn refuse(message: &str, echoed: &str, fields: usize) -> Status {
        let violation = |n| Violation {
            field: format!("prices[{n}].item.{echoed}"),
            message: format!("{echoed} is no item of the catalogue"),
            rule: "",
        };
        let keys = ["item", "sku", "key", "code", "customer"];
        let metadata = keys.map(|key| (key.to_owned(), echoed.to_owned())).into();
        Parts {
            kind: Kind::Refused,
            domain: "pricing.souk",
            reason: "UNKNOWN_ITEM",
            message,
            metadata: &metadata,
            violations: &(0..fields).map(violation).collect(),
            retry_after: Some(Duration::from_secs(1)),
        }
        .status()
    }

    #[test]
    fn the_largest_refusal_fits_into_six_kibibytes() {
        for echoed in ["A-1", &"x".repeat(2_500), &"й".repeat(2_500), &"%\"\u{7f}".repeat(900)] {
            for fields in [0, 1, 160, 1_000] {
                let bytes = sent(refuse(&echoed.repeat(3), echoed, fields));
                assert!(bytes <= MAX_BYTES, "{bytes} bytes, {fields} fields of {:.9}", echoed);
            }
        }
    }

    #[test]
    fn the_first_fields_are_named_and_all_are_counted() {
        let details = refuse("unknown items", "sku", 160).get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations.len(), MAX_FIELDS);
        assert_eq!(details.error_info().unwrap().metadata[VIOLATION_COUNT], "160");
        let long = refuse("unknown items", &"x".repeat(50), 160).get_error_details();
        assert_eq!(long.bad_request().unwrap().field_violations.len(), MAX_FIELDS);
        let few = refuse("unknown items", "sku", 3).get_error_details();
        assert_eq!(few.bad_request().unwrap().field_violations.len(), 3);
        assert!(!few.error_info().unwrap().metadata.contains_key(VIOLATION_COUNT));
    }

    #[test]
    fn a_message_that_fits_is_sent_whole() {
        assert_eq!(encodable("prices[3].sale: is above the base", 1_000).len(), 33);
        let cut = encodable(&"й ".repeat(900), 1_000);
        assert!(cut.ends_with('…') && cut.len() < 450, "{cut}");
    }
}
