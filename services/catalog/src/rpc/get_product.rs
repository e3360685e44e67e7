//! Returns one product.

use crate::App;
use crate::domain::product::Product;
use crate::domain::stock::ProductStock;
use crate::store::{display, product_stock, variants};
use crate::wire::detail::{self, MAX_VARIANTS, Page};
use catalog_api::v1::{GetProductRequest, GetProductResponse, ProductView};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use kernel::id::Id;
use pg::{Tx, entity};

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
    let is_full = request.view() == ProductView::Full;
    let (product, page) = app
        .db
        .look_up(GetProductRequest::METHOD, async move |tx| {
            let product: Product = entity::get(tx, id).await?;
            let page = if is_full { Some(page(app, tx, id).await?) } else { None };
            Ok((product, page))
        })
        .await?;
    let detail = page.map(|page| page.detail(context.as_ref()));
    Ok(GetProductResponse { product: Some((&product).into()), detail })
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
