//! Lists what was published last of the aggregates of one family.

use super::Operations;
use contracts::Rpc;
use contracts::operations::v1::{
    AggregateVersion, ListAggregateVersionsRequest, ListAggregateVersionsResponse,
};
use fault::{Common, Fault};
use pg::heads::{self, AggregateHead, Which};

/// They are small, and a comparison reads all of them.
const MAX_PAGE: u16 = 5_000;

/// A page of versions, those of deleted aggregates included.
pub(super) async fn list_aggregate_versions(
    app: &Operations,
    request: ListAggregateVersionsRequest,
) -> Result<ListAggregateVersionsResponse, Fault> {
    let owner = app.owner(&request.service)?;
    let family = owner.aggregates(&request.family)?.family;
    let page = app.paging.page_up_to(&request, MAX_PAGE)?;
    if !request.keys.is_empty() && !request.start_after.is_empty() {
        let message = "is not taken together with keys";
        return Err(Fault::field(Common::InvalidField, "start_after", message));
    }
    let start = page.cursor().map(String::from_utf8_lossy);
    let key = start.as_deref().unwrap_or(&request.start_after);
    let which = match request.keys.is_empty() {
        true => Which::After { key, limit: page.rows() },
        false => Which::Keys(&request.keys),
    };
    let heads = owner
        .db
        .read(ListAggregateVersionsRequest::METHOD, async move |tx| {
            heads::list(tx, family, which).await
        })
        .await?;
    let (versions, next_page_token) = match which {
        Which::After { .. } => page.items(heads, version, |head| head.key.clone()),
        // As many as one request names have room in an answer.
        Which::Keys(_) => (heads.iter().map(version).collect(), String::new()),
    };
    Ok(ListAggregateVersionsResponse { versions, next_page_token })
}

fn version(head: &AggregateHead) -> AggregateVersion {
    AggregateVersion {
        key: head.key.clone(),
        subject: head.subject.clone(),
        version: head.version,
        deleted: head.digest.is_none(),
        digest: head.digest.clone().unwrap_or_default(),
        unpublished: head.unpublished,
    }
}
