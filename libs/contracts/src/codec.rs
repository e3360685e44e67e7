//! The codec of all generated clients and servers: it validates every message that it decodes. Validation is done here because tower
//! layers never see decoded messages.

use crate::bounds;
use crate::packages::types::v1::Reason as Common;
use crate::reason::Reason;
use crate::status::Parts;
use crate::validate::Validate;
use crate::violations::Violations;
use prost::Message;
use prost::bytes::Buf;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

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
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        bounds::check(&bytes, Decoded::bounds()).map_err(|excess| invalid(&excess.into()))?;
        let message = Decoded::decode(bytes).map_err(|error| undecodable(&error))?;
        let violations = message.violations();
        if violations.is_empty() { Ok(Some(message)) } else { Err(invalid(&violations)) }
    }
}

fn undecodable(error: &prost::DecodeError) -> Status {
    let message = format!("the bytes are not the message that this method takes: {error}");
    refuse(Common::Undecodable, &message, &Violations::default())
}

fn invalid(violations: &Violations) -> Status {
    refuse(Common::InvalidField, &violations.summary(), violations)
}

fn refuse(reason: Common, message: &str, violations: &Violations) -> Status {
    let parts = Parts {
        kind: reason.kind(),
        domain: reason.domain(),
        reason: reason.name(),
        message,
        metadata: &BTreeMap::new(),
        violations,
        retry_after: None,
    };
    parts.status()
}
