//! Between the contract's messages and the domain. What comes in is parsed once, with the path of every field that is wrong;
//! what goes out is the same message in answers, events and digests.

mod free;
mod text;
mod time;

pub mod attribute;
pub mod brand;
pub mod category;
pub mod import;
pub mod product;
pub mod value;
pub mod variant;

use contracts::catalog::v1 as proto;
use fault::{Common, Fault};
use kernel::digest::sha256;
use kernel::id::Id;
use prost::Message;

/// Reads an id that the contract's rules have let through.
pub fn id<T>(path: &str, text: &str) -> Result<Id<T>, Fault> {
    Id::parse(text).map_err(|error| Fault::field(Common::InvalidField, path, error.to_string()))
}

/// Reads an id that may be left out.
pub fn optional_id<T>(path: &str, text: &str) -> Result<Option<Id<T>>, Fault> {
    if text.is_empty() { Ok(None) } else { id(path, text).map(Some) }
}

/// Refuses a request without a message that the contract requires.
pub fn present<T>(path: &'static str, message: Option<T>) -> Result<T, Fault> {
    message.ok_or_else(|| Fault::field(Common::InvalidField, path, "is required"))
}

/// What a projection compares itself with. The digest is that of the very message that the last event carried, so rows are read
/// and written without loss: microseconds, no negative zeros, values in their order.
fn versioned<T, M: Message>(
    id: Id<T>,
    version: i64,
    deleted: bool,
    message: impl FnOnce() -> M,
) -> proto::AggregateVersion {
    let digest = if deleted { Vec::new() } else { sha256(&message().encode_to_vec()).to_vec() };
    proto::AggregateVersion { id: id.to_string(), version, deleted, digest }
}
