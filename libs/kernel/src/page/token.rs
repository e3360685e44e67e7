//! The token that asks for the next page: signed, so that a cursor cannot be invented or carried
//! over to another query.
//!
//! Bytes: version (1), cursor (any length), HMAC-SHA256 (32); as text base64url without padding. A
//! token is not secret: the caller can read the cursor, and may not find anything in it that the
//! page did not show.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use thiserror::Error;

const VERSION: u8 = 1;
const TAG_LENGTH: usize = 32;

/// The keys that sign page tokens. Two are accepted, so that replacing one does not break the lists
/// that people are reading.
#[derive(Debug, Clone)]
pub struct PageKeys {
    current: hmac::Key,
    previous: Option<hmac::Key>,
}

/// Why a token opens nothing. Callers of both kinds must start the list again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PageTokenError {
    /// Nothing that we ever made looks like this: cut off, altered by a copy, or of another
    /// version.
    #[error("the page token is malformed")]
    Malformed,
    /// It may be a true token, but of another method, of other arguments, or of a key no longer
    /// accepted.
    #[error("the page token was not made for this request")]
    Forged,
}

impl PageKeys {
    /// Signs with `current`, and still opens what was signed with `previous`. A key is random and
    /// at least 32 bytes long.
    pub fn new(current: &[u8], previous: Option<&[u8]>) -> Self {
        let key = |bytes| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        Self { current: key(current), previous: previous.map(key) }
    }

    /// The token for the page after `cursor`. `args_digest` is that of the request without its page
    /// token and page size, so a caller may change the size between pages, but not the filter or
    /// the order.
    pub fn seal(&self, method: &str, args_digest: &[u8; 32], cursor: &[u8]) -> String {
        let tag = hmac::sign(&self.current, &signed_bytes(method, args_digest, cursor));
        URL_SAFE_NO_PAD.encode([&[VERSION], cursor, tag.as_ref()].concat())
    }

    /// The cursor that `seal` was given for the same method and arguments.
    pub fn open(
        &self,
        method: &str,
        args_digest: &[u8; 32],
        token: &str,
    ) -> Result<Vec<u8>, PageTokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| PageTokenError::Malformed)?;
        let Some((&VERSION, signed)) = bytes.split_first() else {
            return Err(PageTokenError::Malformed);
        };
        let (cursor, tag) =
            signed.split_last_chunk::<TAG_LENGTH>().ok_or(PageTokenError::Malformed)?;

        let message = signed_bytes(method, args_digest, cursor);
        // `verify` takes the same time whichever byte differs.
        let is_signed_by = |key: &hmac::Key| hmac::verify(key, &message, tag).is_ok();
        if is_signed_by(&self.current) || self.previous.as_ref().is_some_and(is_signed_by) {
            Ok(cursor.to_vec())
        } else {
            Err(PageTokenError::Forged)
        }
    }
}

/// All that the signature covers. Only the method and the cursor vary in length, so a zero byte,
/// which no method name holds, keeps apart what could otherwise be read as a longer name with a
/// shorter cursor.
fn signed_bytes(method: &str, args_digest: &[u8; 32], cursor: &[u8]) -> Vec<u8> {
    let method = method.as_bytes();
    [&[VERSION], args_digest.as_slice(), method, &[0], cursor].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = "/souk.pricing.v1.PricingService/ListPrices";
    const OTHER: &str = "/souk.catalog.v1.CatalogService/ListProducts";
    const ARGS: [u8; 32] = [7; 32];

    fn keys() -> PageKeys {
        PageKeys::new(&[1; 32], None)
    }

    fn cursor() -> Result<Vec<u8>, PageTokenError> {
        Ok(b"cursor".to_vec())
    }

    fn decoded(token: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(token).unwrap()
    }

    #[test]
    fn a_token_opens_for_its_own_request_only() {
        let token = keys().seal(LIST, &ARGS, b"cursor");
        let open = |method, args| keys().open(method, args, &token);
        assert_eq!(open(LIST, &ARGS), cursor());
        assert_eq!(open(LIST, &[8; 32]), Err(PageTokenError::Forged));
        assert_eq!(open(OTHER, &ARGS), Err(PageTokenError::Forged));
    }

    #[test]
    fn a_cursor_cannot_lend_bytes_to_the_method() {
        let token = keys().seal("List", &ARGS, b"Prices");
        let bytes = decoded(&token);
        let shorter = URL_SAFE_NO_PAD.encode([&[VERSION], &bytes[7..]].concat());
        let opened = keys().open("ListPrices", &ARGS, &shorter);
        assert_eq!(opened, Err(PageTokenError::Forged));
    }

    #[test]
    fn the_previous_key_is_accepted_and_an_older_one_is_not() {
        let (old, new) = ([1; 32], [2; 32]);
        let token = PageKeys::new(&old, None).seal(LIST, &ARGS, b"cursor");
        let open = |keys: PageKeys| keys.open(LIST, &ARGS, &token);
        assert_eq!(open(PageKeys::new(&new, Some(&old))), cursor());
        assert_eq!(open(PageKeys::new(&new, None)), Err(PageTokenError::Forged));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = decoded(&keys().seal(LIST, &ARGS, b"cursor"));
        for bit in 8..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let opened = keys().open(LIST, &ARGS, &URL_SAFE_NO_PAD.encode(flipped));
            assert_eq!(opened, Err(PageTokenError::Forged), "bit {bit}");
        }
    }

    #[test]
    fn another_version_is_malformed() {
        let mut bytes = decoded(&keys().seal(LIST, &ARGS, b"cursor"));
        bytes[0] += 1;
        let opened = keys().open(LIST, &ARGS, &URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(opened, Err(PageTokenError::Malformed));
    }

    #[test]
    fn what_no_key_ever_made_is_malformed() {
        let token = keys().seal(LIST, &ARGS, b"");
        for text in ["", "AQ", "no token!", &token[1..], &format!("{token}=")] {
            let opened = keys().open(LIST, &ARGS, text);
            assert_eq!(opened, Err(PageTokenError::Malformed), "{text}");
        }
    }

    #[test]
    fn keys_are_not_in_debug_output() {
        assert!(!format!("{:?}", PageKeys::new(b"secret", None)).contains("secret"));
    }

    proptest! {
        #[test]
        fn any_cursor_comes_back(cursor in any::<Vec<u8>>(), args in any::<[u8; 32]>()) {
            let token = keys().seal(LIST, &args, &cursor);
            prop_assert_eq!(keys().open(LIST, &args, &token), Ok(cursor));
        }

        #[test]
        fn no_text_makes_open_panic(text in ".*") {
            prop_assert!(keys().open(LIST, &ARGS, &text).is_err());
        }
    }
}
