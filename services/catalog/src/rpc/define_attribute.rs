//! Defines an attribute, or changes its definition.

use crate::domain::attribute::Attribute;
use crate::store::attributes;
use crate::{App, wire};
use catalog_api::v1::{DefineAttributeRequest, DefineAttributeResponse};
use convert::read;
use fault::Fault;
use kernel::head::expect_version;
use kernel::id::Id;
use pg::entity;

/// Creates the definition of a code and kind of value, or changes the one that there is.
pub async fn define_attribute(
    app: &App,
    request: DefineAttributeRequest,
) -> Result<DefineAttributeResponse, Fault> {
    let draft = request.attribute.as_ref();
    let definition = &read(|fields| fields.message("attribute", draft, wire::attribute::draft))?;
    let (expected, validate_only) = (request.expected_version, request.validate_only);
    app.db
        .write_once(&request, async move |tx| {
            let kind = definition.r#type.kind();
            let current = attributes::lock(tx, &definition.code, kind).await?;
            let new = definition.clone();
            let (attribute, change) = match current {
                Some(mut attribute) => {
                    let uses = attributes::uses(tx, &attribute, &new).await?;
                    let change = attribute.redefine(new, &uses, expected, tx.now().await?)?;
                    (attribute, change)
                }
                None => {
                    expect_version(0, expected)?;
                    let (own, created) = Attribute::define(Id::new(), new, tx.now().await?)?;
                    (own, Some(created))
                }
            };
            if !validate_only {
                entity::save(tx, &attribute, change.as_ref()).await?;
            }
            Ok(DefineAttributeResponse { attribute: Some((&attribute).into()) })
        })
        .await
}
