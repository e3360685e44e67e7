use crate::token::TokenSource;
use analytics_api::v1::analytics_service_client::AnalyticsServiceClient;
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use channel::{Channel, ClientTls, Options};
use contracts::operations::v1::operations_service_client::OperationsServiceClient;
use http::Uri;
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use search_api::v1::search_service_client::SearchServiceClient;
use std::sync::Arc;
use tonic::transport::{self, Certificate, ClientTlsConfig};
use warehouse_api::v1::warehouse_service_client::WarehouseServiceClient;

/// Calls every service of Souk. Cloning is cheap, and clones share connections. It connects when it is first used.
#[derive(Debug, Clone)]
pub struct Client {
    catalog: Channel,
    pricing: Channel,
    search: Channel,
    warehouse: Channel,
    analytics: Channel,
    operations: Channel,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is none.
    #[error("{address:?} is not http://host:port or https://host:port")]
    Address {
        /// As it was given.
        address: String,
    },
    /// No connection could be made to any address, e.g. because the certificate is none.
    #[error(transparent)]
    Transport(#[from] transport::Error),
}

/// Where the services are and how they are called, where one address for all of them is not enough.
#[derive(Clone)]
pub struct Settings {
    address: String,
    token: TokenSource,
    own: Vec<(&'static str, String)>,
    tls: Option<ClientTls>,
}

impl Client {
    /// A client of the services at `address`, `http://host:port`, which sends `token`. Runs within a tokio runtime.
    pub fn connect(
        address: impl Into<String>,
        token: impl Into<TokenSource>,
    ) -> Result<Self, ConnectError> {
        Settings::new(address, token).connect()
    }

    /// The catalogue: products, variants, categories, brands, attributes.
    pub fn catalog(&self) -> CatalogServiceClient<Channel> {
        CatalogServiceClient::new(self.catalog.clone())
    }

    /// Prices.
    pub fn pricing(&self) -> PricingServiceClient<Channel> {
        PricingServiceClient::new(self.pricing.clone())
    }

    /// Search.
    pub fn search(&self) -> SearchServiceClient<Channel> {
        SearchServiceClient::new(self.search.clone())
    }

    /// Stock, and who holds it.
    pub fn warehouse(&self) -> WarehouseServiceClient<Channel> {
        WarehouseServiceClient::new(self.warehouse.clone())
    }

    /// What happened in the shops, and reports about it.
    pub fn analytics(&self) -> AnalyticsServiceClient<Channel> {
        AnalyticsServiceClient::new(self.analytics.clone())
    }

    /// What operators do. It covers the services of the process that answers.
    pub fn operations(&self) -> OperationsServiceClient<Channel> {
        OperationsServiceClient::new(self.operations.clone())
    }

    /// The channel to the service whose method is at `path`.
    pub(crate) fn of(&self, path: &str) -> Channel {
        let channel = match path.split('.').nth(1) {
            Some("catalog") => &self.catalog,
            Some("pricing") => &self.pricing,
            Some("search") => &self.search,
            Some("warehouse") => &self.warehouse,
            Some("analytics") => &self.analytics,
            _ => &self.operations,
        };
        channel.clone()
    }
}

impl Settings {
    /// All services at one address.
    pub fn new(address: impl Into<String>, token: impl Into<TokenSource>) -> Self {
        Self { address: address.into(), token: token.into(), own: Vec::new(), tls: None }
    }

    /// Catalog at an address of its own.
    #[must_use]
    pub fn catalog_at(self, address: impl Into<String>) -> Self {
        self.at("catalog", address)
    }

    /// Pricing at an address of its own.
    #[must_use]
    pub fn pricing_at(self, address: impl Into<String>) -> Self {
        self.at("pricing", address)
    }

    /// Search at an address of its own.
    #[must_use]
    pub fn search_at(self, address: impl Into<String>) -> Self {
        self.at("search", address)
    }

    /// Warehouse at an address of its own.
    #[must_use]
    pub fn warehouse_at(self, address: impl Into<String>) -> Self {
        self.at("warehouse", address)
    }

    /// Analytics at an address of its own.
    #[must_use]
    pub fn analytics_at(self, address: impl Into<String>) -> Self {
        self.at("analytics", address)
    }

    /// The authority, in PEM, that signed the certificates of addresses with `https://`.
    #[must_use]
    pub fn trust(mut self, authority: impl AsRef<[u8]>) -> Self {
        let authority = Certificate::from_pem(authority);
        let tls = ClientTlsConfig::new().ca_certificate(authority);
        self.tls = Some(Arc::new(move || tls.clone()));
        self
    }

    /// The client. Each service has connections and limits of its own, so that one that is down stops no call to another.
    pub fn connect(self) -> Result<Client, ConnectError> {
        Ok(Client {
            catalog: self.channel("catalog")?,
            pricing: self.channel("pricing")?,
            search: self.channel("search")?,
            warehouse: self.channel("warehouse")?,
            analytics: self.channel("analytics")?,
            operations: self.channel("operations")?,
        })
    }

    fn at(mut self, service: &'static str, address: impl Into<String>) -> Self {
        self.own.push((service, address.into()));
        self
    }

    fn channel(&self, service: &'static str) -> Result<Channel, ConnectError> {
        let own = self.own.iter().rev().find(|(name, _)| *name == service);
        let address = own.map_or(&self.address, |(_, address)| address);
        let uri: Option<Uri> = address.parse().ok();
        let uri = uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
        let uri = uri.ok_or_else(|| ConnectError::Address { address: address.clone() })?;
        let mut options = Options::new(service, self.token.clone());
        options.tls = self.tls.clone();
        Ok(Channel::new(uri, options)?)
    }
}
