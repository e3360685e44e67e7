//! Clients of the mesh that `.souk/env` names.

use anyhow::{Context, Result};
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use search_api::v1::search_service_client::SearchServiceClient;
use std::collections::HashMap;
use testkit::Caller;
use tonic::transport::Endpoint;

/// The running mesh.
pub struct Mesh {
    address: String,
    token: String,
}

impl Mesh {
    /// The mesh of `.souk/env`, or of the environment where that names one.
    pub fn find() -> Result<Self> {
        let file = std::fs::read_to_string(".souk/env").unwrap_or_default();
        let file: HashMap<&str, &str> =
            file.lines().filter_map(|line| line.split_once('=')).collect();
        let read = |name: &str| {
            let given = std::env::var(name).ok();
            given.or_else(|| file.get(name).map(|value| value.trim_matches(['\'', '"']).to_owned()))
        };
        Ok(Self {
            address: read("SOUK_GRPC").context("no mesh is running: ./dev up")?,
            token: read("SOUK_TOKEN").context("no token: ./dev up")?,
        })
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
