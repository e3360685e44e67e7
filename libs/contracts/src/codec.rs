//! The codec of all generated clients and servers: it validates every message that it decodes. Validation is done here because tower
//! layers never see decoded messages.

use crate::packages::types::v1::Reason as Common;
use crate::reason::Reason;
use crate::validate::{Validate, Violation};
use prost::Message;
use std::marker::PhantomData;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// Encodes and decodes with prost; rejects decoded messages that violate the contract's validation rules.
#[derive(Debug)]
pub struct CheckedCodec<Encoded, Decoded> {
    types: PhantomData<(Encoded, Decoded)>,
}

impl<Encoded, Decoded> Default for CheckedCodec<Encoded, Decoded> {
    fn default() -> Self {
        Self { types: PhantomData }
    }
}

impl<Encoded, Decoded> Codec for CheckedCodec<Encoded, Decoded>
where
    Encoded: Message + Send + 'static,
    Decoded: Message + Default + Validate + Send + 'static,
{
    type Encode = Encoded;
    type Decode = Decoded;
    type Encoder = ProstEncoder<Encoded>;
    type Decoder = CheckedDecoder<Decoded>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        CheckedDecoder { types: PhantomData }
    }
}

/// Decodes and validates one message.
#[derive(Debug)]
pub struct CheckedDecoder<Decoded> {
    types: PhantomData<Decoded>,
}

impl<Decoded: Message + Default + Validate> Decoder for CheckedDecoder<Decoded> {
    type Item = Decoded;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Decoded>, Status> {
        let message = Decoded::decode(buffer).map_err(|error| undecodable(&error))?;
        let violations = message.violations();
        if violations.is_empty() { Ok(Some(message)) } else { Err(invalid(violations)) }
    }
}

fn undecodable(error: &prost::DecodeError) -> Status {
    refuse(
        Common::Undecodable,
        format!("the bytes are not the message that this method takes: {error}"),
        Vec::new(),
    )
}

fn invalid(violations: Vec<Violation>) -> Status {
    refuse(Common::InvalidField, summary(&violations), violations)
}

/// Maximum number of fields in the error details. They are sent in one header, whose size is limited.
const MAX_LISTED_FIELDS: usize = 50;

/// Error message that names the first three invalid fields and the number of further ones.
pub fn summary(violations: &[Violation]) -> String {
    let named: Vec<String> = violations
        .iter()
        .take(3)
        .map(|violation| format!("{}: {}", violation.field, violation.message))
        .collect();
    let more = violations.len().saturating_sub(named.len());
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{rest}", named.join("; "))
}

fn refuse(reason: Common, message: String, violations: Vec<Violation>) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason.name(), reason.domain(), std::collections::HashMap::new());
    if !violations.is_empty() {
        let fields = violations.into_iter().take(MAX_LISTED_FIELDS);
        let fields = fields.map(|found| FieldViolation::new(found.field, found.message));
        details.set_bad_request(fields.collect::<Vec<_>>());
    }
    Status::with_error_details(reason.kind().code(), message, details)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt;

    #[test]
    fn a_refusal_stays_small_enough_for_its_header() {
        let violation = |n| Violation {
            field: format!("rows[{n}].sku"),
            message: "is needed".to_owned(),
            rule: "required",
        };
        let status = invalid((0..60).map(violation).collect());
        assert!(status.message().ends_with("; and 57 more"), "{}", status.message());
        let listed = status.get_error_details().bad_request().unwrap().field_violations.len();
        assert_eq!(listed, MAX_LISTED_FIELDS);
    }
}
