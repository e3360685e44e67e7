//! The idempotency key of a request, in its bytes: the stack sees no messages.

use prost::bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};
use uuid::Uuid;

/// Bytes of a frame before its message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// The framed request with an idempotency key: its own, else a new one. None where its bytes cannot be read, e.g. because they are
/// compressed.
pub(crate) fn ensure(frame: Bytes, field: u32) -> Option<Bytes> {
    let mut message = frame.clone();
    let compressed = message.try_get_u8().ok()? != 0;
    let length = message.try_get_u32().ok()?;
    if compressed || usize::try_from(length).ok()? != message.len() {
        return None;
    }
    if has(message, field)? {
        return Some(frame);
    }
    let id = Uuid::now_v7().to_string();
    // A field that stands last counts, wherever it stands.
    let mut own = BytesMut::new();
    encode_key(field, WireType::LengthDelimited, &mut own);
    encode_varint(id.len() as u64, &mut own);
    own.put_slice(id.as_bytes());

    let mut whole = BytesMut::with_capacity(frame.len() + own.len());
    whole.put_u8(0);
    whole.put_u32(length.checked_add(u32::try_from(own.len()).ok()?)?);
    whole.put_slice(&frame[PREFIX..]);
    whole.put(own);
    Some(whole.freeze())
}

/// Whether a text field is there and not empty.
fn has(mut message: Bytes, field: u32) -> Option<bool> {
    let mut found = false;
    while message.has_remaining() {
        let (tag, wire) = decode_key(&mut message).ok()?;
        if tag == field && wire == WireType::LengthDelimited {
            let length = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
            if length > message.len() {
                return None;
            }
            message.advance(length);
            found = length > 0;
        } else {
            skip_field(wire, tag, &mut message, DecodeContext::default()).ok()?;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Mutation;
    use pricing_api::v1::{DeletePriceRequest, SetPriceRequest};

    fn ensured<M: Mutation>(message: &M) -> M {
        let bytes = message.encode_to_vec();
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(bytes.len() as u32);
        frame.put_slice(&bytes);
        let field = contracts::policy(M::PATH).unwrap().request_id.unwrap();
        let whole = ensure(frame.freeze(), field).unwrap();
        assert_eq!(
            whole.len() - PREFIX,
            u32::from_be_bytes(whole[1..5].try_into().unwrap()) as usize
        );
        M::decode(&whole[PREFIX..]).unwrap()
    }

    #[test]
    fn a_request_without_an_idempotency_key_gets_one_and_is_else_the_same() {
        let asked = DeletePriceRequest { expected_version: Some(7), ..Default::default() };
        let sent = ensured(&asked);
        Uuid::parse_str(&sent.request_id).unwrap();
        assert_eq!(sent.with_request_id(String::new()), asked);
        assert_ne!(ensured(&asked).request_id, sent.request_id);
        assert_ne!(ensured(&SetPriceRequest::default()).request_id, "");
    }

    #[test]
    fn an_idempotency_key_of_the_callers_own_is_kept() {
        let asked = SetPriceRequest { request_id: "mine".to_owned(), ..Default::default() };
        assert_eq!(ensured(&asked), asked);
    }

    #[test]
    fn what_cannot_be_read_gets_none() {
        for frame in [&[][..], &[1, 0, 0, 0, 0], &[0, 0, 0, 0, 2, 8], &[0, 0, 0, 0, 2, 26, 9]] {
            assert_eq!(ensure(Bytes::copy_from_slice(frame), 3), None, "{frame:?}");
        }
    }
}
