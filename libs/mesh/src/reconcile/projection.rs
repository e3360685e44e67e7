use super::compare::{Drift, Listed};
use fault::Fault;
use std::collections::BTreeSet;

/// A copy of aggregates that another service owns, by key.
pub trait Projection: Send + Sync + 'static {
    /// Its name in reports and metrics.
    fn name(&self) -> &'static str;

    /// Whether the copy must have an entry for every aggregate that its owner has deleted, even if it never had the aggregate
    /// itself; one without an entry then counts as missing. Most copies do not need this.
    fn keeps_deleted(&self) -> bool {
        false
    }

    /// Whether every replica has a copy of its own, such as an index on its disk, so that each has to compare its own.
    fn is_local(&self) -> bool {
        false
    }

    /// The first `limit` aggregates of the owner after a key, deleted ones included, in byte order of the key.
    fn list_owned(
        &self,
        after: &str,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Listed>, Fault>> + Send;

    /// The first `limit` entries of the copy after a key, in byte order of the key.
    fn list_copied(
        &self,
        after: &str,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Listed>, Fault>> + Send;

    /// Which of these aggregates the copy is late with: it has still to take over something that their owner published. What the
    /// copy had taken over before this was called must be in the list of its entries afterwards.
    fn late(
        &self,
        keys: &BTreeSet<String>,
    ) -> impl Future<Output = Result<BTreeSet<String>, Fault>> + Send;

    /// Makes the differing entries equal to the owner's, at once or soon. Must be idempotent, and must tolerate that an entry was
    /// corrected or changed since it was compared.
    fn repair(&self, drifts: &[Drift]) -> impl Future<Output = Result<(), Fault>> + Send;

    /// A random key of the copy, at which a replica starts to sample. None: the copy is empty.
    fn random_key(&self) -> impl Future<Output = Result<Option<String>, Fault>> + Send;
}
