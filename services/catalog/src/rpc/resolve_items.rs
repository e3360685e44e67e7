//! Resolves items for other services.

use crate::domain::product::Product;
use crate::store::{products, variants};
use crate::{App, wire};
use catalog_api::v1::{ResolveItemsRequest, ResolveItemsResponse, ResolvedItem};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;

/// One answer for each SKU, then one for each product id, in the requested order.
pub async fn resolve_items(
    app: &App,
    request: ResolveItemsRequest,
) -> Result<ResolveItemsResponse, Fault> {
    // What is no SKU is no variant's either, and need not be looked for.
    let skus = &request.skus.iter().filter_map(|sku| Sku::parse(sku).ok()).collect::<Vec<_>>();
    let ids: &Vec<Id<Product>> = &read(|fields| fields.ids("product_ids", &request.product_ids))?;
    let (variants, products) = app
        .db
        .look_up(ResolveItemsRequest::METHOD, async move |tx| {
            Ok((variants::states(tx, skus).await?, products::states(tx, ids).await?))
        })
        .await?;
    let skus = request.skus.iter().map(|requested| {
        let known = Sku::parse(requested).ok().and_then(|sku| variants.get(&sku));
        known.map_or_else(
            || wire::variant::unknown(requested, ""),
            |(product, variant, deleted)| ResolvedItem {
                sku: requested.clone(),
                product_id: product.to_string(),
                variant_id: variant.to_string(),
                state: wire::variant::state(*deleted),
            },
        )
    });
    let ids = ids.iter().map(|id| match products.get(id) {
        Some(deleted) => ResolvedItem {
            product_id: id.to_string(),
            state: wire::variant::state(*deleted),
            ..ResolvedItem::default()
        },
        None => wire::variant::unknown("", &id.to_string()),
    });
    Ok(ResolveItemsResponse { items: skus.chain(ids).collect() })
}
