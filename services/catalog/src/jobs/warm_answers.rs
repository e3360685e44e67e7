//! Answers ahead what is asked for most when a process starts.

use crate::App;
use crate::rpc::get_product::get_product;
use crate::rpc::list_products::list_products;
use catalog_api::v1::{GetProductRequest, ListProductsRequest};
use contracts::Rpc;
use fault::{Fault, context};
use prost::Message;
use tokio_util::sync::CancellationToken;

/// Answers so many questions, and is done.
pub async fn warm_answers(app: App, count: usize, ending: CancellationToken) {
    let cached = app.cached.clone();
    let answer = |method: String, request: Vec<u8>| {
        let app = app.clone();
        async move {
            let context = context::Context::of_service("catalog");
            // What cannot be answered any more, such as the page of a deleted product, is no loss.
            let _ = context::scope(context, Box::pin(repeat(&app, &method, &request))).await;
        }
    };
    ending.run_until_cancelled(cached.warm(count, answer)).await;
    ending.cancelled().await;
}

async fn repeat(app: &App, method: &str, request: &[u8]) -> Result<(), Fault> {
    match method {
        GetProductRequest::METHOD => {
            let request = GetProductRequest::decode(request).map_err(Fault::internal)?;
            get_product(app, request).await.map(drop)
        }
        ListProductsRequest::METHOD => {
            let request = ListProductsRequest::decode(request).map_err(Fault::internal)?;
            list_products(app, request).await.map(drop)
        }
        _ => Ok(()),
    }
}
