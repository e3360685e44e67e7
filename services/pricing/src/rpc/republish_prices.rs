//! Publishes prices again as they are, for a projection that has lost or never got them.

use crate::App;
use crate::domain::price::Price;
use crate::store::prices;
use contracts::pricing::v1::{RepublishPricesRequest, RepublishPricesResponse};
use fault::{Common, Fault};
use kernel::id::Id;
use std::collections::BTreeSet;

const METHOD: &str = "pricing.republish_prices";

/// Publishes the current state at the current version: who has it already sees by the version that it is no news.
pub async fn republish_prices(
    app: &App,
    request: RepublishPricesRequest,
) -> Result<RepublishPricesResponse, Fault> {
    let ids = request.price_ids.iter().enumerate();
    let ids = ids.map(|(at, id)| {
        Id::parse(id).map_err(|error| {
            Fault::field(Common::InvalidField, format!("price_ids[{at}]"), error.to_string())
        })
    });
    let ids = &ids.collect::<Result<BTreeSet<Id<Price>>, _>>()?;
    app.db
        .write_once(METHOD, &request, async move |tx| {
            let published = prices::republish(tx, &Vec::from_iter(ids.iter().copied())).await?;
            let unknown = ids.difference(&published);
            Ok(RepublishPricesResponse {
                published: i32::try_from(published.len()).unwrap_or(i32::MAX),
                unknown_ids: unknown.map(ToString::to_string).collect(),
            })
        })
        .await
}
