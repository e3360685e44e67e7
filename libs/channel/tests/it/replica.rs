//! A server of the pricing contract in a runtime of its own, which can be killed with all that it is doing.

use axum::Router;
use axum::extract::Request;
use axum::routing::post;
use contracts::codec::CheckedCodec;
use contracts::types::v1::Money;
use futures::StreamExt;
use pricing_api::v1::item::Name;
use pricing_api::v1::*;
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::server::Grpc;
use tonic::service::Routes;
use tonic::{Code, Response, Status};

/// What all replicas share, like a database.
#[derive(Default)]
pub struct Shop {
    seen: Mutex<HashMap<String, String>>,
    /// How often each SKU was priced.
    pub effects: Mutex<HashMap<String, usize>>,
    /// Calls that were answered from what an earlier attempt did.
    pub replayed: AtomicUsize,
}

/// How a replica answers.
#[derive(Default)]
pub struct Manner {
    pub calls: AtomicUsize,
    pub connections: AtomicUsize,
    pub previous_attempts: Mutex<Vec<String>>,
    delay: AtomicUsize,
    unavailable: Mutex<bool>,
}

impl Manner {
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn answer_after(&self, delay: Duration) {
        self.delay.store(delay.as_millis() as usize, Ordering::SeqCst);
    }

    pub fn be_unavailable(&self, unavailable: bool) {
        *self.unavailable.lock().unwrap() = unavailable;
    }

    async fn answer<T: Default>(&self) -> Result<Response<T>, Status> {
        let delay = self.delay.load(Ordering::SeqCst) as u64;
        tokio::time::sleep(Duration::from_millis(delay)).await;
        if *self.unavailable.lock().unwrap() {
            return Err(Status::new(Code::Unavailable, "as the test wants it"));
        }
        Ok(Response::new(T::default()))
    }
}

pub struct Replica {
    pub address: SocketAddr,
    pub manner: Arc<Manner>,
    shop: Arc<Shop>,
    runtime: Option<Runtime>,
}

impl Replica {
    pub fn start(shop: &Arc<Shop>) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut new = Self {
            address: free.local_addr().unwrap(),
            manner: Arc::default(),
            shop: Arc::clone(shop),
            runtime: None,
        };
        new.serve(free);
        new
    }

    /// Cuts all connections; what was being done is not answered.
    pub fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    /// Serves again, at the same address; false: that is not free yet.
    pub fn restart(&mut self) -> bool {
        let listener = TcpListener::bind(self.address);
        listener.map(|listener| self.serve(listener)).is_ok()
    }

    fn serve(&mut self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let entered = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        drop(entered);
        let manner = Arc::clone(&self.manner);
        let connections = TcpListenerStream::new(listener).inspect(move |_| {
            manner.connections.fetch_add(1, Ordering::SeqCst);
        });
        let routes = Routes::from(router(&self.manner, &self.shop));
        let server = tonic::transport::Server::builder().add_routes(routes);
        runtime.spawn(server.serve_with_incoming(connections));
        self.runtime = Some(runtime);
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn router(manner: &Arc<Manner>, shop: &Arc<Shop>) -> Router {
    let (getting, setting, shop) = (Arc::clone(manner), Arc::clone(manner), Arc::clone(shop));
    let get = move |request: Request| get(Arc::clone(&getting), request);
    let set = move |request: Request| set(Arc::clone(&setting), Arc::clone(&shop), request);
    Router::new()
        .route("/souk.pricing.v1.PricingService/GetPrice", post(get))
        .route("/souk.pricing.v1.PricingService/SetPrice", post(set))
}

async fn get(manner: Arc<Manner>, request: Request) -> http::Response<tonic::body::Body> {
    note(&manner, &request);
    let codec = CheckedCodec::<GetPriceResponse, GetPriceRequest>::default();
    let answer = tower::service_fn(move |_: tonic::Request<GetPriceRequest>| {
        let manner = Arc::clone(&manner);
        async move { manner.answer().await }
    });
    Grpc::new(codec).unary(answer, request).await
}

async fn set(
    manner: Arc<Manner>,
    shop: Arc<Shop>,
    request: Request,
) -> http::Response<tonic::body::Body> {
    note(&manner, &request);
    let codec = CheckedCodec::<SetPriceResponse, SetPriceRequest>::default();
    let answer = tower::service_fn(move |request: tonic::Request<SetPriceRequest>| {
        let (manner, shop) = (Arc::clone(&manner), Arc::clone(&shop));
        async move {
            shop.set(request.into_inner());
            manner.answer().await
        }
    });
    Grpc::new(codec).accept_compressed(CompressionEncoding::Gzip).unary(answer, request).await
}

fn note(manner: &Manner, request: &Request) {
    manner.calls.fetch_add(1, Ordering::SeqCst);
    if let Some(before) = request.headers().get("grpc-previous-rpc-attempts") {
        manner.previous_attempts.lock().unwrap().push(before.to_str().unwrap().to_owned());
    }
}

impl Shop {
    /// Prices the SKU, unless the same request did.
    fn set(&self, request: SetPriceRequest) {
        let Some(Name::Sku(sku)) = request.price.unwrap().item.unwrap().name else { panic!() };
        let mut seen = self.seen.lock().unwrap();
        if !request.request_id.is_empty()
            && let Some(before) = seen.insert(request.request_id, sku.clone())
        {
            assert_eq!(before, sku, "a request id of another request");
            self.replayed.fetch_add(1, Ordering::SeqCst);
            return;
        }
        *self.effects.lock().unwrap().entry(sku).or_default() += 1;
    }
}

pub fn set_price(sku: &str) -> SetPriceRequest {
    let base = Money { currency_code: "USD".to_owned(), minor_units: Some(100) };
    let price = PriceDraft { item: Some(item(sku)), base: Some(base), ..Default::default() };
    SetPriceRequest { price: Some(price), ..Default::default() }
}

pub fn get_price(sku: &str) -> GetPriceRequest {
    let context = PriceContext { currency_code: "USD".to_owned(), ..Default::default() };
    GetPriceRequest { item: Some(item(sku)), context: Some(context) }
}

fn item(sku: &str) -> Item {
    Item { name: Some(Name::Sku(sku.to_owned())) }
}
