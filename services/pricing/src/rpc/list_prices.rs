//! Lists prices by id.

use crate::store::prices;
use crate::{App, wire};
use contracts::pricing::v1::{ListPricesRequest, ListPricesResponse, Reason};
use fault::Fault;
use mesh::Paging;

const METHOD: &str = "pricing.list_prices";

/// A page of the prices that are not deleted, of one item or of all.
pub async fn list_prices(
    app: &App,
    request: ListPricesRequest,
) -> Result<ListPricesResponse, Fault> {
    let size = Paging::size(request.page_size)?;
    let args = ListPricesRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    let after = app.paging.after(METHOD, &args, &request.page_token)?;
    let item = match request.item.as_ref().map(|item| wire::item(Some(item))).transpose() {
        Ok(item) => item,
        // No price can be of a SKU that no variant can have.
        Err(fault) if fault.is(Reason::UnknownItem) => return Ok(ListPricesResponse::default()),
        Err(fault) => return Err(fault),
    };
    let item = &item;
    let mut prices = app
        .db
        .read(METHOD, async |tx| prices::list(tx, item.as_ref(), after, size.rows()).await)
        .await?;
    let last = size.cut(&mut prices).map(|price| price.id.uuid());
    Ok(ListPricesResponse {
        prices: prices.iter().map(Into::into).collect(),
        next_page_token: app.paging.next(METHOD, &args, last),
    })
}
