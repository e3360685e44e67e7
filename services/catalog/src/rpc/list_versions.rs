//! Lists the versions of all aggregates of a type, for projections to compare themselves with.

use crate::store::{attributes, brands, categories, products, variants};
use crate::{App, wire};
use contracts::catalog::v1::{
    AggregateType, AggregateVersion, ListVersionsRequest, ListVersionsResponse,
};
use fault::{Common, Fault};
use kernel::id::Id;
use mesh::Paging;
use pg::Tx;
use uuid::Uuid;

const METHOD: &str = "catalog.list_versions";

/// Most rows: they are small, and a comparison reads all of them.
const MOST: u16 = 5_000;

/// A page of versions, those of deleted aggregates included.
pub async fn list_versions(
    app: &App,
    request: ListVersionsRequest,
) -> Result<ListVersionsResponse, Fault> {
    let size = Paging::size_up_to(request.page_size, MOST)?;
    let args = ListVersionsRequest {
        r#type: request.r#type,
        start_after: request.start_after.clone(),
        ..ListVersionsRequest::default()
    };
    let after = match app.paging.after(METHOD, &args, &request.page_token)? {
        Some(after) => after,
        None => start_after(&request.start_after)?,
    };
    let kind = request.r#type();
    let mut versions =
        app.db.read(METHOD, async move |tx| versions(tx, kind, after, size.rows()).await).await?;
    let last = size.cut(&mut versions).map(|(id, _)| *id);
    Ok(ListVersionsResponse {
        next_page_token: app.paging.next(METHOD, &args, last),
        versions: versions.into_iter().map(|(_, version)| version).collect(),
    })
}

/// No id is lower than that of a list without a beginning.
fn start_after(id: &str) -> Result<Uuid, Fault> {
    let id = wire::optional_id::<()>("start_after", id)?;
    Ok(id.map(Id::uuid).unwrap_or_default())
}

async fn versions(
    tx: &mut Tx,
    kind: AggregateType,
    after: Uuid,
    limit: i64,
) -> Result<Vec<(Uuid, AggregateVersion)>, Fault> {
    Ok(match kind {
        AggregateType::Product => {
            let all = products::list_all(tx, Id::from_uuid(after), limit).await?;
            all.iter().map(|own| (own.id.uuid(), wire::product::version(own))).collect()
        }
        AggregateType::Variant => {
            let all = variants::list_all(tx, Id::from_uuid(after), limit).await?;
            all.iter().map(|own| (own.id.uuid(), wire::variant::version(own))).collect()
        }
        AggregateType::Category => {
            let all = categories::list_all(tx, Id::from_uuid(after), limit).await?;
            all.iter().map(|own| (own.id.uuid(), wire::category::version(own))).collect()
        }
        AggregateType::Brand => {
            let all = brands::list_all(tx, Id::from_uuid(after), limit).await?;
            all.iter().map(|own| (own.id.uuid(), wire::brand::version(own))).collect()
        }
        AggregateType::Attribute => {
            let all = attributes::list(tx, Id::from_uuid(after), limit).await?;
            all.iter().map(|own| (own.id.uuid(), wire::attribute::version(own))).collect()
        }
        AggregateType::Unspecified => {
            return Err(Fault::field(Common::InvalidField, "type", "is needed"));
        }
    })
}
