//! Lists prices by id.

use crate::store::prices;
use crate::{App, wire};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use pricing_api::v1::{ListPricesRequest, ListPricesResponse, Reason};

/// A page of the prices that are not deleted, of one item or of all.
pub async fn list_prices(
    app: &App,
    request: ListPricesRequest,
) -> Result<ListPricesResponse, Fault> {
    let page = app.paging.page(&request)?;
    let item = match request.item.as_ref() {
        None => None,
        sent => match read(|fields| wire::item(fields, "item", sent)) {
            Ok(item) => Some(item),
            // No price can be of a SKU that no variant can have.
            Err(fault) if fault.is(Reason::UnknownItem) => return Ok(Default::default()),
            Err(fault) => return Err(fault),
        },
    };
    let (item, after, rows) = (item.as_ref(), page.after()?, page.rows());
    let prices = app
        .db
        .read(ListPricesRequest::METHOD, async |tx| prices::list(tx, item, after, rows).await)
        .await?;
    let (prices, next_page_token) = page.items_by_id(prices, |price| price.head.id);
    Ok(ListPricesResponse { prices, next_page_token })
}
