//! Returns one product.

use crate::domain::product::Product;
use crate::domain::stock::ProductStock;
use crate::store::{display, product_stock, variants};
use crate::wire::detail::{self, Context, MAX_VARIANTS, Page};
use crate::{App, answers};
use catalog_api::v1::{GetProductRequest, GetProductResponse, ProductView};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use kernel::id::Id;
use pg::{Tx, entity};
use std::time::Duration;

/// A product that exists, and what its page shows where that is asked for.
pub async fn get_product(
    app: &App,
    request: GetProductRequest,
) -> Result<GetProductResponse, Fault> {
    let (id, context) = read(|fields| {
        let id = fields.id("product_id", &request.product_id);
        let context = detail::context(fields, request.context.as_ref());
        id.zip(context)
    })?;
    if request.view() != ProductView::Full {
        let product: Product = app
            .db
            .look_up(GetProductRequest::METHOD, async move |tx| entity::get(tx, id).await)
            .await?;
        return Ok(GetProductResponse { product: Some((&product).into()), detail: None });
    }
    let context = context.as_ref();
    let make = async || full(app, id, context).await;
    app.cached.answer(&request, &[answers::page(id)], make).await
}

async fn full(
    app: &App,
    id: Id<Product>,
    context: Option<&Context>,
) -> Result<(GetProductResponse, Option<Duration>), Fault> {
    let (product, page) = app
        .db
        .look_up("catalog.get_product_page", async move |tx| {
            let product: Product = entity::get(tx, id).await?;
            Ok((product, page(app, tx, id).await?))
        })
        .await?;
    let detail = page.detail(context);
    let answer = GetProductResponse { product: Some((&product).into()), detail: Some(detail) };
    Ok((answer, page.holds()))
}

async fn page(app: &App, tx: &mut Tx, id: Id<Product>) -> Result<Page, Fault> {
    let limit = i64::try_from(MAX_VARIANTS + 1).unwrap_or(i64::MAX);
    let measured = product_stock::measure(tx, &[id]).await?;
    let last: Vec<ProductStock> = entity::find(tx, &[Id::from_uuid(id.uuid())]).await?;
    Ok(Page {
        variants: variants::list(tx, id, Id::from_uuid(uuid::Uuid::nil()), limit).await?,
        stock: display::stock(tx, id).await?,
        prices: display::prices(tx, id).await?,
        threshold: measured
            .first()
            .and_then(|own| own.threshold)
            .unwrap_or(app.low_stock_threshold),
        last_status: last.first().map(|own| own.status),
        now: tx.now().await?,
    })
}
