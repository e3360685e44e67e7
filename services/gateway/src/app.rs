use crate::config::Gateway;
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use mesh::{Backing, BootError, Client};
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use search_api::v1::search_service_client::SearchServiceClient;
use warehouse_api::v1::warehouse_service_client::WarehouseServiceClient;

/// Dependencies of the gateway's own methods.
#[derive(Clone)]
pub struct App {
    /// Products and variants.
    pub catalog: CatalogServiceClient<Client>,
    /// What they cost.
    pub pricing: PricingServiceClient<Client>,
    /// How many of them there are; none where the mesh has no warehouse, and pages show no stock.
    pub warehouse: Option<WarehouseServiceClient<Client>>,
    /// Which of them match words.
    pub search: SearchServiceClient<Client>,
    /// Currency of prices where a request names none; empty: none are shown then.
    pub currency: String,
}

impl App {
    pub(crate) fn open(backing: &Backing<'_>, settings: &Gateway) -> Result<Self, BootError> {
        let warehouse = if backing.reaches("warehouse") {
            Some(WarehouseServiceClient::new(backing.client("warehouse")?))
        } else {
            None
        };
        Ok(Self {
            catalog: CatalogServiceClient::new(backing.client("catalog")?),
            pricing: PricingServiceClient::new(backing.client("pricing")?),
            warehouse,
            search: SearchServiceClient::new(backing.client("search")?),
            currency: settings.currency.clone(),
        })
    }
}
