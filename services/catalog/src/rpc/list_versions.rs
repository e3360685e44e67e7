//! Lists the versions of all aggregates of a type, for projections to compare themselves with.

use crate::store::{attributes, brands, categories, products, variants};
use crate::{App, page, wire};
use contracts::catalog::v1::{
    AggregateType, AggregateVersion, ListVersionsRequest, ListVersionsResponse,
};
use fault::{Common, Fault};
use kernel::id::Id;
use pg::Tx;
use uuid::Uuid;

const METHOD: &str = "catalog.list_versions";

/// Rows where the caller does not say how many.
const DEFAULT: usize = 20;
/// Most rows: they are small, and a comparison reads all of them.
const MOST: usize = 5_000;

/// A page of versions, those of deleted aggregates included.
pub async fn list_versions(
    app: &App,
    request: ListVersionsRequest,
) -> Result<ListVersionsResponse, Fault> {
    let size = size(request.page_size);
    let args = ListVersionsRequest { r#type: request.r#type, ..ListVersionsRequest::default() };
    let after: Id<Uuid> = page::open(&app.paging, METHOD, &args, &request.page_token)?;
    let (kind, after) = (request.r#type(), after.uuid());
    let mut versions = app
        .db
        .read(METHOD, async move |tx| versions(tx, kind, after, page::rows(size)).await)
        .await?;
    let last = page::cut(&mut versions, size).map(|(id, _)| *id);
    Ok(ListVersionsResponse {
        next_page_token: page::seal(&app.paging, METHOD, &args, last),
        versions: versions.into_iter().map(|(_, version)| version).collect(),
    })
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

/// The contract refuses negative numbers.
fn size(requested: i32) -> usize {
    match usize::try_from(requested) {
        Ok(0) | Err(_) => DEFAULT,
        Ok(rows) => rows.min(MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_the_default_and_too_many_are_the_most() {
        assert_eq!([0, 1, 5_000, 5_001].map(size), [20, 1, 5_000, 5_000]);
    }
}
