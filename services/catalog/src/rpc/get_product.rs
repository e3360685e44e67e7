//! Returns one product.

use crate::store::products;
use crate::{App, wire};
use contracts::catalog::v1::{GetProductRequest, GetProductResponse};
use fault::Fault;

/// A product that exists, without its variants.
pub async fn get_product(
    app: &App,
    request: GetProductRequest,
) -> Result<GetProductResponse, Fault> {
    let id = wire::id("product_id", &request.product_id)?;
    let product =
        app.db.read("catalog.get_product", async move |tx| products::get(tx, id).await).await?;
    Ok(GetProductResponse { product: Some((&product).into()) })
}
