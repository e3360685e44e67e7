//! A server of some RPCs of the pricing service, whose behaviour the SKU selects.
//!
//! Written without the generated trait, which would need a change here with each new RPC of the real service.

use crate::fixture::get_price_request;
use contracts::codec::CheckedCodec;
use contracts::{Serve, Validate};
use fault::{Common, Fault, context};
use mesh::Client;
use pricing_api::v1::item::Name;
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use pricing_api::v1::pricing_service_server::SERVICE_NAME;
use pricing_api::v1::*;
use prost::Message;
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, NamedService};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// Does what the SKU selects, and reports the context of the call in the metadata of its answer.
#[derive(Clone)]
pub struct Prices {
    pub inner: PricingServiceClient<Client>,
    /// Address of the same service, for a call with a token that it refuses.
    pub outer: Arc<OnceLock<String>>,
    /// Calls for the SKU `GATED` wait for a permit.
    pub gate: Arc<Semaphore>,
    pub max_message_bytes: usize,
}

impl Serve for Prices {
    type Server = Self;

    fn into_server(self, _max_message_bytes: usize) -> Self {
        self
    }
}

impl NamedService for Prices {
    const NAME: &'static str = SERVICE_NAME;
}

impl tower::Service<http::Request<Body>> for Prices {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: http::Request<Body>) -> Self::Future {
        let prices = self.clone();
        Box::pin(async move {
            let method = call.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            Ok(match method.as_str() {
                "GetPrice" => prices.unary(call, |prices, request| prices.get_price(request)).await,
                "SetPrice" => prices.unary(call, empty::<SetPriceRequest, SetPriceResponse>).await,
                "BatchGetPrices" => {
                    let batch = empty::<BatchGetPricesRequest, BatchGetPricesResponse>;
                    prices.unary(call, batch).await
                }
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

impl Prices {
    async fn unary<Q, A, F>(
        self,
        call: http::Request<Body>,
        handler: impl Fn(Self, Request<Q>) -> F,
    ) -> http::Response<Body>
    where
        Q: Message + Default + Validate + 'static,
        A: Message + Default + Validate + 'static,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut grpc = Grpc::new(CheckedCodec::<A, Q>::default())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(self.max_message_bytes);
        grpc.unary(tower::service_fn(|request| handler(self.clone(), request)), call).await
    }

    async fn get_price(
        self,
        request: Request<GetPriceRequest>,
    ) -> Result<Response<GetPriceResponse>, Status> {
        let Some(Item { name: Some(Name::Sku(sku)) }) = &request.get_ref().item else {
            return Err(Fault::internal("the codec refuses items without a name").into());
        };
        match sku.as_str() {
            "PANIC" => panic!("the shelf fell down"),
            "SLOW" => tokio::time::sleep(Duration::from_secs(30)).await,
            "GATED" => self.gate.acquire().await.unwrap().forget(),
            "INNER" => return self.pass_on("CONTEXT").await,
            "INNER-SLOW" => return self.pass_on("SLOW").await,
            "INNER-MISSING" => return self.pass_on("MISSING").await,
            "INNER-INVALID" => return self.pass_on("").await,
            "INNER-BUSY" => return self.pass_on("BUSY").await,
            "INNER-STRANGER" => {
                let mut call = Request::new(get_price_request("CONTEXT"));
                call.metadata_mut().insert("authorization", "Bearer forged".parse().unwrap());
                let outer = self.outer.get().unwrap().clone();
                let stranger = Channel::from_shared(outer).unwrap().connect_lazy();
                let mut stranger = PricingServiceClient::new(stranger);
                return Ok(stranger.get_price(call).await.map_err(Fault::from)?);
            }
            "MISSING" => return Err(Fault::new(Reason::PriceNotFound, "no such price").into()),
            "BUSY" => return Err(Fault::new(Common::Overloaded, "too many calls").into()),
            "BARE" => return Err(Status::internal("no reason given")),
            _ => {}
        }
        let context = context::current();
        let mut response = Response::new(GetPriceResponse::default());
        let mut report = |name: &'static str, value: String| {
            response.metadata_mut().insert(name, value.parse().unwrap());
        };
        report("subject", context.caller.subject.clone());
        report("correlation", context.correlation_id.clone());
        report("trace", context.traceparent.clone().unwrap_or_default());
        report("left", context.remaining().unwrap().as_millis().to_string());
        report("on-behalf", context.caller.token.is_some().to_string());
        Ok(response)
    }
}

impl Prices {
    /// Answers as the inner call is answered.
    async fn pass_on(self, sku: &str) -> Result<Response<GetPriceResponse>, Status> {
        let mut inner = self.inner;
        Ok(inner.get_price(get_price_request(sku)).await.map_err(Fault::from)?)
    }
}

async fn empty<Q, A: Default>(_: Prices, _: Request<Q>) -> Result<Response<A>, Status> {
    Ok(Response::new(A::default()))
}
