use mesh::Paging;
use tokio_util::sync::CancellationToken;

/// Dependencies of the catalogue.
#[derive(Clone)]
pub struct App {
    /// Its database.
    pub db: pg::Db,
    /// Makes page tokens.
    pub paging: Paging,
    /// Cancelled when the process is to end: an import that waits for its next chunk would delay that.
    pub stopping: CancellationToken,
}
