//! The search engine: what every one of them must do, and the one that runs inside the process.
//!
//! An engine is a cache of the service's own table. Whatever it loses, the follower writes again
//! from the checkpoint on; so it may always begin empty, and never has to be repaired. It is
//! synchronous: the service calls it where blocking is allowed.

pub mod document;
pub mod error;
pub mod query;

pub mod hits;
mod text;

pub mod embedded;

#[cfg(test)]
mod conformance;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use error::EngineError;

use document::Document;
use hits::Hits;
use query::Query;

/// A search engine: full text, filters, facets and prices over product documents.
pub trait Engine: Send + Sync {
    /// Applies the changes in their order, then `upto`, and makes both visible at once; on an error
    /// none of it is.
    fn index(&self, changes: Vec<Change>, upto: Checkpoint) -> Result<(), EngineError>;

    /// Answers from one consistent state of the index, whatever is indexed or swapped meanwhile: the
    /// latest, or the one that `Query::after` names, which is kept for some minutes after each use. If it
    /// is gone, the query is refused with `EngineError::Expired`.
    fn query(&self, query: &Query) -> Result<Hits, EngineError>;

    /// Begins a second, empty index beside the live one.
    fn rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError>;

    /// What is indexed, and up to where.
    fn stats(&self) -> Result<Stats, EngineError>;

    /// The first `limit` products above an id with their revisions, by product id, to be compared with the table.
    fn inventory(&self, after: Option<Uuid>, limit: usize)
    -> Result<Vec<(Uuid, i64)>, EngineError>;
}

/// An index that is being filled while another one answers. Dropping it gives it up.
pub trait Rebuild: Send {
    /// As `Engine::index`, but into the new index.
    fn index(&self, changes: Vec<Change>, upto: Checkpoint) -> Result<(), EngineError>;

    /// What the new index holds, to be verified before the swap.
    fn stats(&self) -> Result<Stats, EngineError>;

    /// Puts the new index in the live one's place at once and removes the old one. Refused while
    /// the new one has followed the table less far than the live one: the follower, which goes on from
    /// the live checkpoint, would never give it the difference.
    fn swap(self: Box<Self>) -> Result<(), EngineError>;
}

/// One change of one product.
#[derive(Clone, Debug)]
pub enum Change {
    /// The product is now this.
    Put(Box<Document>),
    /// The product was removed; removing an unknown one has no effect.
    Remove(Uuid),
}

/// Up to where an index has followed the table. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The highest revision applied.
    pub revision: i64,
    /// Identifies the table that the revision belongs to: in a table that was created anew revisions
    /// start over.
    pub epoch: i64,
}

/// The state of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Products that queries can find.
    pub documents: u64,
    /// Up to where the table was followed.
    pub checkpoint: Checkpoint,
    /// Its size on disk.
    pub bytes: u64,
}
