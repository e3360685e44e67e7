use crate::config::Warehouse as Settings;
use crate::locations::Locations;
use crate::waiting::Queues;
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use mesh::Paging;
use std::sync::Arc;
use tokio::sync::Notify;

/// Dependencies of warehouse.
#[derive(Clone)]
pub struct App {
    /// Its database.
    pub db: pg::Db,
    /// Knows which items exist.
    pub catalog: CatalogServiceClient<mesh::Client>,
    /// Makes page tokens.
    pub paging: Paging,
    /// Its settings.
    pub settings: Settings,
    /// Warehouses as they were read last.
    pub locations: Arc<Locations>,
    /// Reservations that wait for the same SKU.
    pub queues: Arc<Queues>,
    /// Notified when there is a hold that may expire earlier than the sweeper looks.
    pub held: Arc<Notify>,
    /// Notified when levels may have another threshold.
    pub thresholds_due: Arc<Notify>,
}
