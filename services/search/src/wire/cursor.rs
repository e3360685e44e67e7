//! What a page token holds.

use crate::engine::query::{After, StateId};
use chrono::{DateTime, Utc};
use prost::Message;
use uuid::Uuid;

/// A page that is not the first one, with the instant for which that selected prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The instant.
    pub at: DateTime<Utc>,
    /// Where the page begins.
    pub after: After,
}

/// As it is written. A token outlives its release, so fields are only ever added.
#[derive(Clone, PartialEq, Message)]
struct Written {
    #[prost(sfixed64, tag = "1")]
    at_micros: i64,
    #[prost(bytes = "vec", tag = "2")]
    rank: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    product_id: Vec<u8>,
    /// Empty: none.
    #[prost(bytes = "vec", tag = "4")]
    keeper: Vec<u8>,
    #[prost(uint64, tag = "5")]
    state: u64,
    #[prost(uint64, tag = "6")]
    served: u64,
}

impl Cursor {
    /// As the bytes of a token.
    pub fn to_bytes(self) -> Vec<u8> {
        let After { rank, product_id, state, served } = self.after;
        Written {
            at_micros: self.at.timestamp_micros(),
            rank: rank.to_be_bytes().into(),
            product_id: product_id.into_bytes().into(),
            keeper: state.map(|state| state.keeper.into_bytes().into()).unwrap_or_default(),
            state: state.map_or(0, |state| state.number),
            served,
        }
        .encode_to_vec()
    }

    /// Of the bytes of a token; none: another release wrote them.
    pub fn of_bytes(bytes: &[u8]) -> Option<Cursor> {
        let written = Written::decode(bytes).ok()?;
        let state = match written.keeper.as_slice() {
            [] => None,
            keeper => {
                Some(StateId { keeper: Uuid::from_slice(keeper).ok()?, number: written.state })
            }
        };
        let after = After {
            rank: u128::from_be_bytes(written.rank.try_into().ok()?),
            product_id: Uuid::from_slice(&written.product_id).ok()?,
            state,
            served: written.served,
        };
        Some(Cursor { at: DateTime::from_timestamp_micros(written.at_micros)?, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_what_another_release_wrote_does_not() {
        let state = Some(StateId { keeper: Uuid::now_v7(), number: 7 });
        for state in [None, state] {
            let (rank, product_id) = (u128::MAX - 1, Uuid::now_v7());
            let after = After { rank, product_id, state, served: 20 };
            let at = DateTime::from_timestamp_micros(1_800_000_000_123_456).unwrap();
            let cursor = Cursor { at, after };
            assert_eq!(Cursor::of_bytes(&cursor.to_bytes()), Some(cursor));
        }
        for before in [&b"20"[..], b"9999", b""] {
            assert_eq!(Cursor::of_bytes(before), None);
        }
    }
}
