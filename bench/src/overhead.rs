//! What the server stack costs: an empty call through all of it, with authentication, limits and telemetry, against the same handler behind
//! a bare tonic server.

use anyhow::{Context, Result, bail};
use contracts::Serve;
use contracts::codec::CheckedCodec;
use mesh::identity::{Signer, generate_keys};
use mesh::{Boot, Config, Service, Tasks};
use pricing_api::v1::item::Name;
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use pricing_api::v1::pricing_service_server::SERVICE_NAME;
use pricing_api::v1::{GetPriceRequest, GetPriceResponse, Item, PriceContext};
use secrecy::ExposeSecret;
use stack::{Profile, Stack};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, NamedService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};

const FOLDER: &str = ".souk/bench";
const CONNECTIONS: usize = 4;
const CALLERS: usize = 32;
const ROUNDS: usize = 5;

/// Measures and prints.
pub async fn run(arguments: &[String]) -> Result<()> {
    let time = match arguments {
        [] => Duration::from_secs(5),
        [flag] if flag == "--quick" => Duration::from_secs(1),
        _ => bail!("usage: bench stack [--quick]"),
    };
    let folder = std::env::temp_dir().join(format!("bench-stack-{}", uuid::Uuid::now_v7()));
    let bare = bare().await?;
    let (tasks, full, token) = full(&folder).await?;
    let (bare, full) = (channels(bare)?, channels(full)?);
    // Connections, caches and branches are warm before anything counts.
    rate(&bare, &token, time / 5).await?;
    rate(&full, &token, time / 5).await?;
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let (bare, full) = (rate(&bare, &token, time).await?, rate(&full, &token, time).await?);
        println!("round {round}: bare {bare:.0} calls/s, full stack {full:.0} calls/s");
        rates.push(full);
        ratios.push(full / bare);
    }
    println!("stack: {:.0} calls/s, {:.2} of a bare server", median(rates), median(ratios));
    tasks.stop().cancel();
    Stack::remove(FOLDER).await?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

async fn bare() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(Server::builder().add_service(Empty).serve_with_incoming(incoming));
    Ok(address)
}

/// A process as it is served, with Redis for the limits of callers.
async fn full(folder: &std::path::Path) -> Result<(Tasks, SocketAddr, String)> {
    let mut config = Config::default();
    config.server.grpc_listen.set_port(0);
    config.server.admin_listen.set_port(0);
    config.server.data_dir = folder.to_owned();
    config.telemetry.log = "warn".to_owned();
    config.redis.url = Some(Stack::up(FOLDER, Profile::Development).await?.redis_url.into());
    // Above what is measured here.
    config.rate_limit.per_minute.insert("pricing_get_price".to_owned(), 60_000_000);
    let keys = config.server.keys_folder();
    generate_keys(&keys)?;
    let signer = Signer::open(&config.auth, &config.server).map_err(anyhow::Error::msg)?;
    let signer = signer.context("the key was just made")?;
    let token = signer.mint("bench", &["pricing:read"], Duration::from_secs(3_600));
    let token = token.map_err(anyhow::Error::msg)?.expose_secret().to_owned();
    mesh::telemetry::init(&config.telemetry, []);
    let tasks = Tasks::new(CancellationToken::new());
    let max_message_bytes = config.server.max_message_bytes;
    let boot = Boot::bind(config, &["pricing"], tasks.clone()).await?;
    let service = Service::new("pricing").mount(Empty, max_message_bytes);
    let running = mesh::running::start(boot, vec![service]).await?;
    running.ready().await;
    Ok((tasks, running.grpc(), token))
}

fn channels(address: SocketAddr) -> Result<Vec<Channel>> {
    let endpoint = Channel::from_shared(format!("http://{address}"))?;
    Ok((0..CONNECTIONS).map(|_| endpoint.connect_lazy()).collect())
}

/// Calls a second in a closed loop.
async fn rate(channels: &[Channel], token: &str, time: Duration) -> Result<f64> {
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for channel in channels.iter().cycle().take(CALLERS) {
        let mut client = PricingServiceClient::new(channel.clone());
        let bearer: tonic::metadata::MetadataValue<_> = format!("Bearer {token}").parse()?;
        callers.spawn(async move {
            let mut calls = 0u32;
            while begun.elapsed() < time {
                let mut request = Request::new(request());
                request.metadata_mut().insert("authorization", bearer.clone());
                client.get_price(request).await?;
                calls += 1;
            }
            Ok::<_, Status>(calls)
        });
    }
    let mut calls = 0;
    while let Some(done) = callers.join_next().await {
        calls += done??;
    }
    Ok(f64::from(calls) / begun.elapsed().as_secs_f64())
}

fn request() -> GetPriceRequest {
    let context = PriceContext { currency_code: "USD".to_owned(), ..PriceContext::default() };
    let item = Item { name: Some(Name::Sku("A-1".to_owned())) };
    GetPriceRequest { item: Some(item), context: Some(context) }
}

/// A service that answers each call with nothing.
#[derive(Clone)]
struct Empty;

impl Serve for Empty {
    type Server = Self;

    fn into_server(self, _max_message_bytes: usize) -> Self {
        self
    }
}

impl NamedService for Empty {
    const NAME: &'static str = SERVICE_NAME;
}

impl tower::Service<http::Request<Body>> for Empty {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: http::Request<Body>) -> Self::Future {
        let answer = tower::service_fn(async |_: Request<GetPriceRequest>| {
            Ok::<_, Status>(Response::new(GetPriceResponse::default()))
        });
        let mut grpc = Grpc::new(CheckedCodec::<GetPriceResponse, GetPriceRequest>::default());
        Box::pin(async move { Ok(grpc.unary(answer, call).await) })
    }
}
