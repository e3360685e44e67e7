//! One product.

use crate::domain::counting::Dimension;
use crate::domain::figures::name;
use crate::store::reports;
use crate::{App, wire};
use analytics_api::v1::{EventType, GetProductReportRequest, GetProductReportResponse};
use contracts::Rpc;
use convert::read;
use fault::Fault;

/// What happened to a product in a period.
pub async fn get_product_report(
    app: &App,
    request: GetProductReportRequest,
) -> Result<GetProductReportResponse, Fault> {
    let period = wire::period(request.period.as_ref())?;
    let product = read(|fields| wire::uuid(fields, "product_id", &request.product_id))?;
    let product = &product.to_string();
    let load = async |tx: &mut pg::Tx| reports::load(tx, Dimension::Product, product, period).await;
    let figures = app.db.read_stale(GetProductReportRequest::METHOD, load).await?;
    let events = |event_type| Some(figures.events(event_type));
    let (purchase, viewed) = (name(EventType::Purchase), name(EventType::ProductViewed));
    Ok(GetProductReportResponse {
        views: events(EventType::ProductViewed),
        added_to_cart: events(EventType::ProductAddedToCart),
        removed_from_cart: events(EventType::ProductRemovedFromCart),
        added_to_wishlist: events(EventType::ProductAddedToWishlist),
        shares: events(EventType::ProductShared),
        orders: events(EventType::OrderCreated),
        purchases: events(EventType::Purchase),
        units_purchased: Some(figures.sum(|row| row.event_type == purchase, |count| count.units)),
        purchased: figures.amounts(EventType::Purchase),
        series: figures.series(|row| row.event_type == viewed),
    })
}
