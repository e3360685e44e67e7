//! Deletes a definition of an attribute.

use crate::revalue::revalue;
use crate::store::attributes;
use crate::wire::attribute::type_of;
use crate::{App, wire};
use catalog_api::v1::{DeleteAttributeRequest, DeleteAttributeResponse, Reason};
use convert::read;
use fault::Fault;
use pg::entity;

/// Deletes it once nothing has a value; removes values of up to 1,000 products and variants if the caller says so.
pub async fn delete_attribute(
    app: &App,
    request: DeleteAttributeRequest,
) -> Result<DeleteAttributeResponse, Fault> {
    let kind = read(|fields| fields.required("type", type_of(request.r#type())))?.kind();
    let (code, expected) = (&request.code, request.expected_version);
    app.db
        .write_once(&request, async |tx| {
            let attribute = attributes::lock(tx, code, kind).await?;
            let mut attribute = attribute.ok_or_else(|| wire::attribute::unknown(code))?;
            attribute.head.expect(expected)?;
            if !request.remove_values {
                let used = attributes::owners(tx, &attribute, None, 1).await?.count;
                if used > 0 {
                    let message = format!(
                        "{used} products and variants have a value; delete it with `remove_values` to \
                         remove them"
                    );
                    return Err(Fault::new(Reason::Referenced, message).with("owners", used));
                }
            }
            let id = attribute.head.id;
            let done = revalue(tx, &attribute, None, |old| old.without(id)).await?;
            if done.remaining == 0 {
                let deleted = attribute.head.delete(tx.now().await?);
                entity::save(tx, &attribute, Some(&deleted)).await?;
            }
            let version = if done.remaining == 0 { attribute.head.version } else { 0 };
            let (changed, remaining) = (done.changed, done.remaining);
            Ok(DeleteAttributeResponse { version, changed, remaining })
        })
        .await
}
