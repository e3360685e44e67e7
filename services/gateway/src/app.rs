use crate::config::Gateway;
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use mesh::{Backing, BootError, Client};
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use search_api::v1::search_service_client::SearchServiceClient;

/// Dependencies of the gateway's own methods.
#[derive(Clone)]
pub struct App {
    /// Products and variants.
    pub catalog: CatalogServiceClient<Client>,
    /// What they cost.
    pub pricing: PricingServiceClient<Client>,
    /// Which of them match words.
    pub search: SearchServiceClient<Client>,
    /// Currency of prices where a request names none; empty: none are shown then.
    pub currency: String,
}

impl App {
    pub(crate) fn open(backing: &Backing<'_>, settings: &Gateway) -> Result<Self, BootError> {
        Ok(Self {
            catalog: CatalogServiceClient::new(backing.client("catalog")?),
            pricing: PricingServiceClient::new(backing.client("pricing")?),
            search: SearchServiceClient::new(backing.client("search")?),
            currency: settings.currency.clone(),
        })
    }
}
