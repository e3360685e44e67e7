//! What the owners of the entries are asked: their versions, and to publish something again.

use crate::App;
use crate::domain::entry::Section;
use contracts::catalog::v1::{self as catalog, AggregateType};
use contracts::pricing::v1 as pricing;
use fault::Fault;
use mesh::reconcile::Listed;
use uuid::Uuid;

/// Ids in one request to publish again.
const CHUNK: usize = 500;

/// The first versions that the owner of a section has above an id.
pub async fn versions(
    app: &App,
    section: Section,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Listed>, Fault> {
    let page_size = i32::try_from(limit).unwrap_or(i32::MAX);
    let start_after = after.map(|id| id.to_string()).unwrap_or_default();
    let Some(kind) = kind(section) else {
        let request = pricing::ListVersionsRequest { page_size, start_after, ..Default::default() };
        let page = app.pricing.clone().list_versions(request).await?.into_inner();
        let versions = page.versions.into_iter();
        return versions.map(|v| listed(&v.price_id, v.version, v.deleted, v.digest)).collect();
    };
    let request = catalog::ListVersionsRequest {
        r#type: kind.into(),
        page_size,
        start_after,
        ..Default::default()
    };
    let page = app.catalog.clone().list_versions(request).await?.into_inner();
    page.versions.into_iter().map(|v| listed(&v.id, v.version, v.deleted, v.digest)).collect()
}

/// Has their owner publish sources of a section again.
pub async fn republish(app: &App, section: Section, ids: &[Uuid]) -> Result<(), Fault> {
    for chunk in ids.chunks(CHUNK) {
        let ids = chunk.iter().map(Uuid::to_string).collect();
        match kind(section) {
            Some(kind) => {
                let request = catalog::RepublishAggregatesRequest {
                    r#type: kind.into(),
                    ids,
                    ..Default::default()
                };
                app.catalog.clone().republish_aggregates(request).await?;
            }
            None => {
                let request =
                    pricing::RepublishPricesRequest { price_ids: ids, ..Default::default() };
                app.pricing.clone().republish_prices(request).await?;
            }
        }
    }
    Ok(())
}

/// The catalogue's word for a section; none: it is pricing's.
fn kind(section: Section) -> Option<AggregateType> {
    match section {
        Section::Product => Some(AggregateType::Product),
        Section::Variant => Some(AggregateType::Variant),
        Section::Category => Some(AggregateType::Category),
        Section::Brand => Some(AggregateType::Brand),
        Section::Attribute => Some(AggregateType::Attribute),
        Section::Price => None,
    }
}

fn listed(id: &str, version: i64, deleted: bool, digest: Vec<u8>) -> Result<Listed, Fault> {
    let id = Uuid::parse_str(id).map_err(Fault::internal)?;
    Ok(Listed { id, version, deleted, digest: (!deleted).then_some(digest) })
}
