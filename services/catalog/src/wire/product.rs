//! Products.

use super::{free, optional_id, proto, text, time, value};
use crate::domain::change::Change;
use crate::domain::product::{Content, Product, Status};
use crate::domain::value::Given;
use contracts::Fact;
use contracts::catalog::v1::{ProductCreated, ProductDeleted, ProductDraft, ProductUpdated};
use fault::{Fault, Fields};

/// Reads the `named` fields of a draft; the others stay empty. The values of attributes come back beside the content, since
/// their definitions are not known yet.
pub fn draft(draft: &ProductDraft, named: &[&str]) -> Result<(Content, Vec<Given>), Fault> {
    let mut fields = Fields::default();
    let mut content = Content::default();
    let mut given = Vec::new();
    let has = |field| named.contains(&field);
    if has("key") && !draft.key.is_empty() {
        content.key = Some(text::plain(&mut fields, "product.key", &draft.key));
    }
    if has("title") {
        content.title = text::required(&mut fields, "product.title", &draft.title);
    }
    if has("description") {
        content.description = text::plain(&mut fields, "product.description", &draft.description);
    }
    if has("brand_id") {
        content.brand_id = optional_id("product.brand_id", &draft.brand_id)?;
    }
    if has("category_ids") {
        let ids = draft.category_ids.iter().enumerate();
        let ids = ids.map(|(at, id)| super::id(&format!("product.category_ids[{at}]"), id));
        content.category_ids = ids.collect::<Result<_, _>>()?;
    }
    if has("status") {
        content.status = status(draft.status()).unwrap_or_default();
    }
    if has("tier2_attributes") {
        let path = "product.tier2_attributes";
        given = value::given(&mut fields, path, &draft.tier2_attributes)?;
    }
    if has("specifications") {
        let sent = draft.specifications.as_ref();
        content.specifications = free::free(&mut fields, "product.specifications", sent);
    }
    if has("marketing_content") {
        let sent = draft.marketing_content.as_ref();
        content.marketing_content = free::free(&mut fields, "product.marketing_content", sent);
    }
    fields.finish()?;
    Ok((content, given))
}

/// Reads a status; none where it is left out.
pub fn status(sent: proto::ProductStatus) -> Option<Status> {
    match sent {
        proto::ProductStatus::Unspecified => None,
        proto::ProductStatus::Draft => Some(Status::Draft),
        proto::ProductStatus::Active => Some(Status::Active),
        proto::ProductStatus::Archived => Some(Status::Archived),
    }
}

impl From<&Product> for proto::Product {
    fn from(product: &Product) -> Self {
        let content = &product.content;
        let status = match content.status {
            Status::Draft => proto::ProductStatus::Draft,
            Status::Active => proto::ProductStatus::Active,
            Status::Archived => proto::ProductStatus::Archived,
        };
        Self {
            product_id: product.id.to_string(),
            key: content.key.clone().unwrap_or_default(),
            title: content.title.clone(),
            description: content.description.clone(),
            brand_id: content.brand_id.map(|id| id.to_string()).unwrap_or_default(),
            category_ids: content.category_ids.iter().map(ToString::to_string).collect(),
            status: status.into(),
            tier2_attributes: value::messages(&content.values),
            specifications: free::message(&content.specifications),
            marketing_content: free::message(&content.marketing_content),
            version: product.version,
            create_time: time::timestamp(product.created_at),
            update_time: time::timestamp(product.updated_at),
        }
    }
}

/// The event that tells of a change.
pub fn fact(product: &Product, change: &Change) -> Fact {
    match change {
        Change::Created => Fact::from(&ProductCreated { product: Some(product.into()) }),
        Change::Updated(changed) => Fact::from(&ProductUpdated {
            product: Some(product.into()),
            changed: changed.iter().map(ToString::to_string).collect(),
        }),
        Change::Deleted => Fact::from(&ProductDeleted {
            product_id: product.id.to_string(),
            version: product.version,
        }),
    }
}

/// Its version and digest.
pub fn version(product: &Product) -> proto::AggregateVersion {
    let message = || proto::Product::from(product);
    super::versioned(product.id, product.version, product.deleted_at.is_some(), message)
}
