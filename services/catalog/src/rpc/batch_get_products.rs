//! Returns many products.

use crate::App;
use crate::domain::product::Product;
use catalog_api::v1::{BatchGetProductsRequest, BatchGetProductsResponse};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use kernel::id::Id;
use mesh::paging::within_answer;
use pg::entity;
use std::collections::{HashMap, HashSet};

/// Those of the products that exist, in the requested order, as many as one answer holds.
pub async fn batch_get_products(
    app: &App,
    request: BatchGetProductsRequest,
) -> Result<BatchGetProductsResponse, Fault> {
    let ids: Vec<Id<Product>> = read(|fields| fields.ids("product_ids", &request.product_ids))?;
    let mut named = HashSet::new();
    let ids = &Vec::from_iter(ids.into_iter().filter(|id| named.insert(*id)));
    let found: Vec<Product> = app
        .db
        .read(BatchGetProductsRequest::METHOD, async move |tx| entity::find(tx, ids).await)
        .await?;
    let live = found.iter().filter(|product| !product.head.is_deleted());
    let live: HashMap<_, &Product> = live.map(|product| (product.head.id, product)).collect();
    let wanted: Vec<&Product> = ids.iter().filter_map(|id| live.get(id).copied()).collect();
    let products: Vec<catalog_api::v1::Product> =
        within_answer(wanted.iter().map(|product| (*product).into()), 0);
    let next = wanted.get(products.len()).map(|product| product.head.id);
    let remaining = ids.iter().skip_while(|id| next != Some(**id));
    let remaining_ids = remaining.map(Id::to_string).collect();
    Ok(BatchGetProductsResponse { products, remaining_ids })
}
