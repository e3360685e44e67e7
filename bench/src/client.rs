//! Clients of the mesh that `.souk/env` names.

use anyhow::{Context, Result};
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use mesh::auth::all_scopes;
use mesh::config::Loader;
use mesh::identity::Signer;
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use search_api::v1::search_service_client::SearchServiceClient;
use secrecy::ExposeSecret;
use souk::environment::Environment;
use std::collections::HashMap;
use std::time::Duration;
use testkit::Caller;
use tonic::transport::Endpoint;

/// How long a visitor's token is valid.
const VISIT: Duration = Duration::from_secs(3_600);

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

    /// Connections of as many visitors of a shop, each a caller of its own.
    pub fn visitors(&self, count: usize) -> Result<Vec<Caller>> {
        let config = mesh::configure(&mut Loader::new(&[], self.variables.clone()), &[]);
        let signer = Signer::open(&config.auth, &config.server).map_err(anyhow::Error::msg)?;
        let signer = signer.context("no key to sign tokens with: ./dev up")?;
        let visitor = |number: usize| {
            let token = signer.mint(&format!("visitor-{number}"), &all_scopes(), VISIT);
            let token = token.map_err(anyhow::Error::msg)?;
            let channel = Endpoint::from_shared(format!("http://{}", self.address))?.connect_lazy();
            Ok(Caller::new(channel, Some(token.expose_secret())))
        };
        (0..count).map(visitor).collect()
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
