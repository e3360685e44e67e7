use mesh::{Cached, Paging};
use std::sync::Arc;
use tokio::sync::Notify;
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
    /// Stock of a product is low at this quantity or below, where none of its categories says otherwise.
    pub low_stock_threshold: i64,
    /// Notified when products may have another stock status.
    pub stock_due: Arc<Notify>,
    /// Notified when products may have another place in lists.
    pub list_due: Arc<Notify>,
    /// Product pages and lists as they were answered last.
    pub cached: Cached,
}
