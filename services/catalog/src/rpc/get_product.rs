//! Returns one product.

use crate::App;
use crate::domain::product::Product;
use catalog_api::v1::{GetProductRequest, GetProductResponse};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use pg::entity;

/// A product that exists, without its variants.
pub async fn get_product(
    app: &App,
    request: GetProductRequest,
) -> Result<GetProductResponse, Fault> {
    let id = read(|fields| fields.id("product_id", &request.product_id))?;
    let product: Product = app
        .db
        .look_up(GetProductRequest::METHOD, async move |tx| entity::get(tx, id).await)
        .await?;
    Ok(GetProductResponse { product: Some((&product).into()) })
}
