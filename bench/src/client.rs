//! Clients of the mesh that `.souk/env` names.

use anyhow::{Context, Result};
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use search_api::v1::search_service_client::SearchServiceClient;
use souk::environment::Environment;
use std::collections::HashMap;
use testkit::Caller;
use tonic::transport::Endpoint;

/// The running mesh.
pub struct Mesh {
    address: String,
    token: String,
    variables: HashMap<String, String>,
}

impl Mesh {
    /// The mesh of `.souk/env`, or of the environment where that names one.
    pub fn find() -> Result<Self> {
        let variables: HashMap<String, String> = Environment::of_client().variables().collect();
        let read = |name: &str| variables.get(name).cloned();
        Ok(Self {
            address: read("SOUK_GRPC").context("no mesh is running: ./dev up")?,
            token: read("SOUK_TOKEN").context("no token: ./dev up")?,
            variables,
        })
    }

    /// A variable of `.souk/env`.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// A connection of its own.
    pub fn caller(&self) -> Result<Caller> {
        let channel = Endpoint::from_shared(format!("http://{}", self.address))?.connect_lazy();
        Ok(Caller::new(channel, Some(&self.token)))
    }

    /// A client of catalog.
    pub fn catalog(&self) -> Result<CatalogServiceClient<Caller>> {
        Ok(CatalogServiceClient::new(self.caller()?))
    }

    /// A client of pricing.
    pub fn pricing(&self) -> Result<PricingServiceClient<Caller>> {
        Ok(PricingServiceClient::new(self.caller()?))
    }

    /// A client of search.
    pub fn search(&self) -> Result<SearchServiceClient<Caller>> {
        Ok(SearchServiceClient::new(self.caller()?))
    }
}
