use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use mesh::Paging;

/// Dependencies of pricing.
#[derive(Clone)]
pub struct App {
    /// Its database.
    pub db: pg::Db,
    /// Knows which items exist.
    pub catalog: CatalogServiceClient<mesh::Client>,
    /// Makes page tokens.
    pub paging: Paging,
}
