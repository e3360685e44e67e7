//! Returns many products.

use crate::domain::product::Product;
use crate::store::products;
use crate::{App, wire};
use contracts::catalog::v1::{BatchGetProductsRequest, BatchGetProductsResponse};
use fault::Fault;
use kernel::id::Id;
use std::collections::HashMap;

/// Those of the products that exist, in the order asked for.
pub async fn batch_get_products(
    app: &App,
    request: BatchGetProductsRequest,
) -> Result<BatchGetProductsResponse, Fault> {
    let ids = request.product_ids.iter().enumerate();
    let ids = ids.map(|(at, id)| wire::id(&format!("product_ids[{at}]"), id));
    let ids = &ids.collect::<Result<Vec<Id<Product>>, _>>()?;
    let found = app
        .db
        .read("catalog.batch_get_products", async move |tx| products::of(tx, ids).await)
        .await?;
    let live = found.iter().filter(|product| product.deleted_at.is_none());
    let live: HashMap<Id<Product>, &Product> = live.map(|product| (product.id, product)).collect();
    let products = ids.iter().filter_map(|id| live.get(id).map(|product| (*product).into()));
    Ok(BatchGetProductsResponse { products: products.collect() })
}
