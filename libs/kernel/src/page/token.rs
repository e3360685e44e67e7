//! Page tokens. They are signed, so that a caller can neither forge a cursor nor use it with another
//! query.
//!
//! Format: version (1 byte), cursor (any length), HMAC-SHA256 (32 bytes), encoded as base64url
//! without padding. Tokens are not encrypted: a cursor must not hold anything that the caller may
//! not see.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use thiserror::Error;

const VERSION: u8 = 1;
const TAG_LENGTH: usize = 32;

/// The keys that sign page tokens. The previous key is accepted too, so that a key rotation does not
/// invalidate tokens in use.
#[derive(Debug, Clone)]
pub struct PageKeys {
    current: hmac::Key,
    previous: Option<hmac::Key>,
}

/// Why a token was rejected. In both cases the caller has to start again with the first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PageTokenError {
    /// The token cannot be decoded, is too short, or has an unknown version.
    #[error("the page token is malformed")]
    Malformed,
    /// The signature does not match: the token was altered, or belongs to another method, other
    /// arguments or a key that is no longer accepted.
    #[error("the page token was not made for this request")]
    Forged,
}

impl PageKeys {
    /// Signs with `current`; tokens that were signed with `previous` are still accepted. Keys must be
    /// random and at least 32 bytes long.
    pub fn new(current: &[u8], previous: Option<&[u8]>) -> Self {
        let key = |bytes| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        Self { current: key(current), previous: previous.map(key) }
    }

    /// The token for the page after `cursor`. `args_digest` is the digest of the request without its
    /// page token and page size: callers may change the size between pages, but not the filter or the
    /// order.
    pub fn seal(&self, method: &str, args_digest: &[u8; 32], cursor: &[u8]) -> String {
        let tag = hmac::sign(&self.current, &signed_bytes(method, args_digest, cursor));
        URL_SAFE_NO_PAD.encode([&[VERSION], cursor, tag.as_ref()].concat())
    }

    /// The cursor of a token that [`PageKeys::seal`] made for the same method and arguments.
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
        // `verify` compares in constant time.
        let is_signed_by = |key: &hmac::Key| hmac::verify(key, &message, tag).is_ok();
        if is_signed_by(&self.current) || self.previous.as_ref().is_some_and(is_signed_by) {
            Ok(cursor.to_vec())
        } else {
            Err(PageTokenError::Forged)
        }
    }
}

/// The signed bytes. The method and the cursor vary in length, so a zero byte, which no method name
/// contains, separates them; else bytes of one could be taken for bytes of the other.
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
