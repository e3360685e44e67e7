//! A process with one service, and clients of it.

use crate::prices::Prices;
use fault::Fault;
use mesh::identity::{Signer, generate_keys};
use mesh::{Boot, Check, Config, Running, Service, Tasks};
use pricing_api::v1::item::Name;
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use pricing_api::v1::*;
use secrecy::ExposeSecret;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

pub const GET: &str = "/souk.pricing.v1.PricingService/GetPrice";
pub const READ: &[&str] = &["pricing:read"];

/// Path, headers beside the usual ones or in their place, and body of a call.
type Raw<'c> = (&'c str, &'c [(&'c str, &'c str)], Vec<u8>);

pub struct Fixture {
    pub running: Running,
    pub signer: Signer,
    pub tasks: Tasks,
    /// Calls for the SKU `GATED` wait until a permit is added.
    pub gate: Arc<Semaphore>,
    /// The hard check passes while a permit is available.
    pub healthy: Arc<Semaphore>,
    pub folder: PathBuf,
}

impl Fixture {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = std::env::temp_dir().join(format!("mesh-{}", uuid::Uuid::now_v7()));
        let mut config = Config::default();
        config.server.grpc_listen.set_port(0);
        config.server.admin_listen.set_port(0);
        config.server.data_dir = folder.clone();
        let keys = config.server.keys_folder();
        generate_keys(&keys).unwrap();
        let signer = Signer::from_file(&keys.join("signing.pem"), "souk", "souk").unwrap();
        change(&mut config);
        mesh::telemetry::init(&config.telemetry, []);

        let tasks = Tasks::new(CancellationToken::new());
        let boot = Boot::bind(config, &["pricing"], tasks.clone()).await.unwrap();
        let outer = Arc::new(OnceLock::new());
        let gate = Arc::new(Semaphore::new(0));
        let healthy = Arc::new(Semaphore::new(1));
        let max_message_bytes = boot.config().server.max_message_bytes;
        let prices = Prices {
            inner: PricingServiceClient::new(boot.client("checkout", "pricing").unwrap()),
            outer: Arc::clone(&outer),
            gate: Arc::clone(&gate),
            max_message_bytes,
        };
        let permits = Arc::clone(&healthy);
        let check = Check::hard("postgres", move || {
            let permits = Arc::clone(&permits);
            async move { permits.try_acquire().map(drop) }
        });
        let service = Service::new("pricing").mount(prices, max_message_bytes).check(check);
        let running = mesh::running::start(boot, vec![service]).await.unwrap();
        running.ready().await;
        outer.set(format!("http://{}", running.grpc())).unwrap();
        Self { running, signer, tasks, gate, healthy, folder }
    }

    pub fn token(&self, scopes: &[&str]) -> String {
        self.token_of("ann", scopes)
    }

    pub fn token_of(&self, subject: &str, scopes: &[&str]) -> String {
        let token = self.signer.mint(subject, scopes, Duration::from_secs(60)).unwrap();
        token.expose_secret().to_owned()
    }

    pub fn channel(&self) -> Channel {
        let address = format!("http://{}", self.running.grpc());
        Channel::from_shared(address).unwrap().connect_lazy()
    }

    pub fn client(&self) -> PricingServiceClient<Channel> {
        PricingServiceClient::new(self.channel())
    }

    /// Gets the price of a SKU as Ann, who may read.
    pub async fn get(&self, sku: &str) -> Result<Response<GetPriceResponse>, Status> {
        let request = self.signed(get_price_request(sku));
        self.client().get_price(request).await
    }

    pub fn signed<T>(&self, message: T) -> Request<T> {
        signed(message, &self.token(READ))
    }

    /// Sends bytes unchanged over HTTP/2; returns headers and trailers of the answer together.
    pub async fn raw(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> http::HeaderMap {
        self.answers(&[(path, headers, body)]).await.remove(0).1
    }

    /// Makes these calls one after the other on one connection; returns the HTTP status, and headers and trailers together, of each.
    pub async fn answers(&self, calls: &[Raw<'_>]) -> Vec<(http::StatusCode, http::HeaderMap)> {
        let stream = tokio::net::TcpStream::connect(self.running.grpc()).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        let token = format!("Bearer {}", self.token(READ));
        let usual =
            [("content-type", "application/grpc"), ("te", "trailers"), ("authorization", &token)];
        let exchange = async {
            let (mut all, mut sender) = (Vec::new(), sender);
            for (path, headers, body) in calls {
                let mut request = http::Request::post(format!("http://mesh{path}"));
                let own = |name: &str| headers.iter().any(|(own, _)| *own == name);
                for (name, value) in usual.iter().filter(|(name, _)| !own(name)).chain(*headers) {
                    request = request.header(*name, *value);
                }
                sender = sender.ready().await.unwrap();
                let (answer, mut bytes) =
                    sender.send_request(request.body(()).unwrap(), false).unwrap();
                // A call that is refused by its headers may end before its body is sent.
                let _ = bytes.send_data(body.clone().into(), true);
                let (parts, mut body) = answer.await.unwrap().into_parts();
                let mut headers = parts.headers;
                while let Some(Ok(_)) = body.data().await {}
                headers.extend(body.trailers().await.ok().flatten().unwrap_or_default());
                all.push((parts.status, headers));
            }
            all
        };
        tokio::select! {
            all = exchange => all,
            _ = connection => panic!("the connection ended before the answer"),
        }
    }

    /// The admin port's page: its HTTP status and its text.
    pub async fn page(&self, path: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.running.admin()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        (status, text)
    }

    pub async fn end(self) {
        self.running.stop();
        self.running.finished().await.unwrap();
        std::fs::remove_dir_all(self.folder).unwrap();
    }
}

pub fn signed<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

pub fn get_price_request(sku: &str) -> GetPriceRequest {
    let context = PriceContext { currency_code: "USD".to_owned(), ..PriceContext::default() };
    GetPriceRequest {
        item: Some(Item { name: Some(Name::Sku(sku.to_owned())) }),
        context: Some(context),
    }
}

/// Asserts code and reason of a refusal, and that its details have the same code.
pub fn refused(status: &Status, code: tonic::Code, reason: impl contracts::Reason) -> Fault {
    assert_eq!(status.code(), code, "{status:?}");
    let details = <tonic_types::pb::Status as prost::Message>::decode(status.details()).unwrap();
    assert_eq!(details.code, i32::from(code));
    let fault = Fault::answered(status.clone());
    assert!(fault.is(reason), "{fault:?} is not {reason:?}");
    fault
}

/// What the handler reported about the context of the call.
pub fn reported<'a>(metadata: &'a MetadataMap, name: &str) -> &'a str {
    metadata.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}
