//! Publishes aggregates again as they are, for a projection that has lost or never got them.

use crate::store::{attributes, brands, categories, products, variants};
use crate::{App, wire};
use contracts::catalog::v1::{
    AggregateType, RepublishAggregatesRequest, RepublishAggregatesResponse,
};
use fault::{Common, Fault};
use kernel::id::Id;
use pg::Tx;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Publishes the current state at the current version: who has it already sees by the version that it is no news.
pub async fn republish_aggregates(
    app: &App,
    request: RepublishAggregatesRequest,
) -> Result<RepublishAggregatesResponse, Fault> {
    let kind = request.r#type();
    let ids = request.ids.iter().enumerate();
    let ids = ids.map(|(at, id)| wire::id::<()>(&format!("ids[{at}]"), id).map(Id::uuid));
    let ids = &ids.collect::<Result<BTreeSet<Uuid>, _>>()?;
    app.db
        .write_once("catalog.republish_aggregates", &request, async move |tx| {
            let published = republish(tx, kind, ids).await?;
            let unknown = ids.difference(&published);
            Ok(RepublishAggregatesResponse {
                published: i32::try_from(published.len()).unwrap_or(i32::MAX),
                unknown_ids: unknown.map(Uuid::to_string).collect(),
            })
        })
        .await
}

async fn republish(
    tx: &mut Tx,
    kind: AggregateType,
    ids: &BTreeSet<Uuid>,
) -> Result<BTreeSet<Uuid>, Fault> {
    Ok(match kind {
        AggregateType::Product => plain(products::republish(tx, &typed(ids)).await?),
        AggregateType::Variant => plain(variants::republish(tx, &typed(ids)).await?),
        AggregateType::Category => plain(categories::republish(tx, &typed(ids)).await?),
        AggregateType::Brand => plain(brands::republish(tx, &typed(ids)).await?),
        AggregateType::Attribute => plain(attributes::republish(tx, &typed(ids)).await?),
        AggregateType::Unspecified => {
            return Err(Fault::field(Common::InvalidField, "type", "is needed"));
        }
    })
}

fn typed<T>(ids: &BTreeSet<Uuid>) -> Vec<Id<T>> {
    ids.iter().copied().map(Id::from_uuid).collect()
}

fn plain<T>(ids: Vec<Id<T>>) -> BTreeSet<Uuid> {
    ids.into_iter().map(Id::uuid).collect()
}
