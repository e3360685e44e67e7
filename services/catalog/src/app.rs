use mesh::Paging;
use tokio_util::sync::CancellationToken;

/// What the catalogue depends on.
#[derive(Clone)]
pub struct App {
    /// Its database.
    pub db: pg::Db,
    /// Makes page tokens.
    pub paging: Paging,
    /// Cancelled when the process is to end: an import that waits for its next chunk would hold it.
    pub stopping: CancellationToken,
}
