//! A client of a running mesh, with a token.

use crate::commands::flags::Flags;
use crate::commands::token;
use crate::environment::Environment;
use crate::usage::Usage;
use analytics_api::v1::analytics_service_client::AnalyticsServiceClient;
use anyhow::{Context, Result};
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use contracts::operations::v1::operations_service_client::OperationsServiceClient;
use mesh::auth::all_scopes;
use mesh::tls::Tls;
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use search_api::v1::search_service_client::SearchServiceClient;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use warehouse_api::v1::warehouse_service_client::WarehouseServiceClient;

/// Default address.
const DEFAULT_ADDRESS: &str = "127.0.0.1:50051";
/// Longer than the timeout of any method.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than any import takes.
const TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// A connection that sends a token.
pub type Authorized = InterceptedService<Channel, Bearer>;

/// Clients of the services.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The catalogue.
    pub catalog: CatalogServiceClient<Authorized>,
    /// Prices.
    pub pricing: PricingServiceClient<Authorized>,
    /// Search.
    pub search: SearchServiceClient<Authorized>,
    /// Stock.
    pub warehouse: WarehouseServiceClient<Authorized>,
    /// Analytics.
    pub analytics: AnalyticsServiceClient<Authorized>,
}

impl Caller {
    /// Clients for the addresses in `SOUK_GRPC_<ROLE>`, or else `SOUK_GRPC`. They send the token of `SOUK_TOKEN`, or one that is signed
    /// now with the configured key. Connects on first use.
    pub fn new(environment: &Environment, flags: &Flags) -> Result<Self> {
        let bearer = Bearer::new(&token(environment, flags)?)?;
        let of = |role: &str| authorized(environment, flags, role, &bearer);
        Ok(Self {
            catalog: CatalogServiceClient::new(of("catalog")?),
            pricing: PricingServiceClient::new(of("pricing")?),
            search: SearchServiceClient::new(of("search")?),
            warehouse: WarehouseServiceClient::new(of("warehouse")?),
            analytics: AnalyticsServiceClient::new(of("analytics")?),
        })
    }
}

/// A client of the operators' service of a process that serves `role`; that service only covers the services of its own process.
pub fn operations(
    environment: &Environment,
    flags: &Flags,
    role: &str,
) -> Result<OperationsServiceClient<Authorized>> {
    let bearer = Bearer::new(&token(environment, flags)?)?;
    Ok(OperationsServiceClient::new(authorized(environment, flags, role, &bearer)?))
}

fn authorized(
    environment: &Environment,
    flags: &Flags,
    role: &str,
    bearer: &Bearer,
) -> Result<Authorized> {
    let own = environment.get(&format!("SOUK_GRPC_{}", role.to_ascii_uppercase()));
    let address = own.or_else(|| environment.get("SOUK_GRPC")).unwrap_or(DEFAULT_ADDRESS);
    let tls = address.starts_with("https://").then(|| tls(environment, flags)).transpose()?;
    channel(address, tls).map(|channel| InterceptedService::new(channel, bearer.clone()))
}

fn token(environment: &Environment, flags: &Flags) -> Result<SecretString> {
    if let Some(token) = environment.get("SOUK_TOKEN") {
        return Ok(token.to_owned().into());
    }
    let (config, _) = flags.load(environment, |_, _| {})?;
    token::mint(&config, "souk", &all_scopes(), TOKEN_LIFETIME)
        .context("SOUK_TOKEN is not set, so a token is signed here")
}

/// What to show and to trust where the connection is encrypted.
fn tls(environment: &Environment, flags: &Flags) -> Result<ClientTlsConfig> {
    let (config, _) = flags.load(environment, |_, _| {})?;
    let tls = Tls::open(&config.tls).map_err(|problem| Usage(format!("tls: {problem}")))?;
    let tls = tls.ok_or_else(|| {
        Usage(
            "https:// needs SOUK_TLS_CERT_FILE, SOUK_TLS_KEY_FILE and SOUK_TLS_CA_FILE".to_owned(),
        )
    })?;
    Ok(tls.client()())
}

fn channel(address: &str, tls: Option<ClientTlsConfig>) -> Result<Channel> {
    let spelled =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let endpoint = Endpoint::from_shared(spelled)
        .map_err(|error| Usage(format!("SOUK_GRPC: {address:?} is not host:port ({error})")))?;
    let endpoint = match tls {
        Some(tls) => endpoint.tls_config(tls)?,
        None => endpoint,
    };
    let endpoint = endpoint
        .connect_timeout(Duration::from_secs(3))
        // Without keepalives a half-open connection hangs until the kernel gives up.
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5));
    Ok(endpoint.connect_lazy())
}

/// A request with a timeout, for unary calls.
pub fn call<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(TIMEOUT);
    request
}

/// Adds the token to each call.
#[derive(Debug, Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    fn new(token: &SecretString) -> Result<Self> {
        let value = format!("Bearer {}", token.expose_secret()).parse();
        let mut value: MetadataValue<Ascii> =
            value.map_err(|_| Usage("SOUK_TOKEN: is not a token".to_owned()))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}
