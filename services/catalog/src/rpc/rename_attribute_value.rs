//! Renames a text among the values of an attribute.

use crate::domain::definitions::accepts;
use crate::revalue::revalue;
use crate::store::attributes;
use crate::wire::attribute::type_of;
use crate::{App, wire};
use catalog_api::v1::{Reason, RenameAttributeValueRequest, RenameAttributeValueResponse};
use convert::read;
use fault::{Common, Fault};
use pg::entity;

/// Renames it in up to 1,000 products and variants, and in the definition once none is left.
pub async fn rename_attribute_value(
    app: &App,
    request: RenameAttributeValueRequest,
) -> Result<RenameAttributeValueResponse, Fault> {
    let (kind, to) = &read(|fields| {
        let kind = fields.required("type", type_of(request.r#type()))?.kind();
        let to = fields.name("to", &request.to);
        if !kind.holds_texts() {
            let message = "has no texts; only TEXT, ENUM, MULTI_ENUM, COLOR, SIZE, REFERENCE have";
            return fields.refuse(Common::InvalidField, "type", message);
        }
        Some((kind, to?))
    })?;
    let (code, from) = (&request.code, &request.from);
    app.db
        .write_once(&request, async move |tx| {
            let attribute = attributes::lock(tx, code, *kind).await?;
            let mut attribute = attribute.ok_or_else(|| wire::attribute::unknown(code))?;
            accepts(&attribute, to)
                .map_err(|message| Fault::field(Reason::AttributeValueInvalid, "to", message))?;
            let done =
                revalue(tx, &attribute, Some(from), |old| old.renamed(attribute.head.id, from, to))
                    .await?;
            let is_allowed = attribute.definition.allowed_values.contains(from);
            if done.changed == 0 && !is_allowed {
                let message = format!("{from:?} is no allowed value, and nothing has it");
                return Err(Fault::field(Reason::AttributeValueInvalid, "from", message));
            }
            let is_complete = done.remaining == 0;
            let change = attribute.rename_allowed(from, to, is_complete, tx.now().await?);
            entity::save(tx, &attribute, change.as_ref()).await?;
            Ok(RenameAttributeValueResponse {
                attribute: Some((&attribute).into()),
                changed: done.changed,
                remaining: done.remaining,
            })
        })
        .await
}
