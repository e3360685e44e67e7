//! Returns many products.

use crate::App;
use crate::domain::product::Product;
use catalog_api::v1::{BatchGetProductsRequest, BatchGetProductsResponse};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use kernel::id::Id;
use pg::entity;
use std::collections::HashMap;

/// Those of the products that exist, in the requested order.
pub async fn batch_get_products(
    app: &App,
    request: BatchGetProductsRequest,
) -> Result<BatchGetProductsResponse, Fault> {
    let ids: &Vec<Id<Product>> = &read(|fields| fields.ids("product_ids", &request.product_ids))?;
    let found: Vec<Product> = app
        .db
        .read(BatchGetProductsRequest::METHOD, async move |tx| entity::find(tx, ids).await)
        .await?;
    let live = found.iter().filter(|product| !product.head.is_deleted());
    let live: HashMap<_, &Product> = live.map(|product| (product.head.id, product)).collect();
    let products = ids.iter().filter_map(|id| live.get(id).map(|product| (*product).into()));
    Ok(BatchGetProductsResponse { products: products.collect() })
}
