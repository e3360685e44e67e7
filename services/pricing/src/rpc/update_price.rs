//! Changes one price by its id.

use crate::store::prices;
use crate::update_prices::update_prices;
use crate::{App, wire};
use convert::read;
use fault::Fault;
use pricing_api::v1::{UpdatePriceRequest, UpdatePriceResponse};
use std::collections::BTreeMap;

/// Where the update stands in the request.
const PATH: &str = "update";

/// Changes amounts and window of the price; it is never without a window meanwhile.
pub async fn update_price(
    app: &App,
    request: UpdatePriceRequest,
) -> Result<UpdatePriceResponse, Fault> {
    let update = read(|fields| fields.message(PATH, request.update.as_ref(), wire::update))?;
    let (id, updates) = (update.id, &BTreeMap::from([(0, update)]));
    app.db
        .write_once(&request, async move |tx| {
            let locked = prices::lock(tx, &[id], &[]).await?;
            let mut updated = update_prices(tx, updates, &locked).await?;
            if let Some(fault) = updated.refused.remove(&0) {
                return Err(fault.below(PATH));
            }
            let price = updated.done.get(&0).map(|(_, price)| price.into());
            Ok(UpdatePriceResponse { price })
        })
        .await
}
