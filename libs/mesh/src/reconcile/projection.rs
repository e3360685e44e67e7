use super::compare::{Drift, Listed};
use fault::Fault;

/// Something that is copied from an owner and kept by key.
pub trait Projection: Send + Sync + 'static {
    /// Its name in reports and metrics.
    fn name(&self) -> &'static str;

    /// Whether it keeps what its owner has deleted even where it never heard of it before, so that such a one is missing. Most
    /// copies have no use for it.
    fn keeps_deleted(&self) -> bool {
        false
    }

    /// Whether every replica has a copy of its own, as of an index on its disk, so that each has to look for itself.
    fn is_local(&self) -> bool {
        false
    }

    /// The first `limit` that the owner has above a key, deleted ones too, by the bytes of the key.
    fn owned(
        &self,
        after: &str,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Listed>, Fault>> + Send;

    /// The first `limit` of the copy above a key, by the bytes of the key.
    fn kept(
        &self,
        after: &str,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Listed>, Fault>> + Send;

    /// Makes what differs as its owner says, or has it made so soon. It may have come right or changed once more since it was
    /// looked at, and the same may be repaired twice: neither may do harm.
    fn repair(&self, drifts: &[Drift]) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Some key of the copy, another one each time: where a replica begins to sample. None: it is empty.
    fn some_key(&self) -> impl Future<Output = Result<Option<String>, Fault>> + Send;
}
