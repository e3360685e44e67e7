//! Products.

use super::{free, value};
use crate::domain::product::{Content, Image, Product, Status};
use crate::domain::value::CodedValue;
use catalog_api::v1 as proto;
use contracts::{Aggregate, Fact};
use convert::{Fields, text, timestamp};
use fault::Common;
use kernel::head::{Change, Head};
use kernel::name::fold;
use pg::entity::Published;
use proto::{ProductCreated, ProductDeleted, ProductDraft, ProductImage, ProductUpdated};

/// Reads the `named` fields of a draft; the others stay empty. The values of attributes come back beside the content, since
/// their definitions are not known yet.
pub fn draft(
    fields: &mut Fields,
    draft: &ProductDraft,
    named: &[&str],
) -> (Content, Vec<CodedValue>) {
    let mut content = Content::default();
    let mut given = Vec::new();
    let has = |field| named.contains(&field);
    if has("key") {
        content.key = fields.optional_name("key", &draft.key).unwrap_or_default();
    }
    if has("title") {
        content.title = fields.required_text("title", &draft.title).unwrap_or_default();
    }
    if has("description") {
        content.description = fields.text("description", &draft.description).unwrap_or_default();
    }
    if has("brand_id") {
        content.brand_id = fields.optional_id("brand_id", &draft.brand_id).unwrap_or_default();
    }
    if has("category_ids") {
        content.category_ids = fields.ids("category_ids", &draft.category_ids).unwrap_or_default();
    }
    if has("status") {
        content.status = status(draft.status()).unwrap_or_default();
    }
    if has("tier2_attributes") {
        given = value::given(fields, "tier2_attributes", &draft.tier2_attributes);
    }
    if has("specifications") {
        let sent = draft.specifications.as_ref();
        content.specifications = free::free(fields, "specifications", sent);
    }
    if has("marketing_content") {
        let sent = draft.marketing_content.as_ref();
        content.marketing_content = free::free(fields, "marketing_content", sent);
    }
    if has("tags") {
        content.tags = tags(fields, &draft.tags);
    }
    if has("images") {
        content.images = images(fields, &draft.images);
    }
    (content, given)
}

/// Reads tags; of two that look the same the second is refused.
pub fn tags(fields: &mut Fields, sent: &[String]) -> Vec<String> {
    let tags: Vec<String> = fields.names("tags", sent).unwrap_or_default();
    for (at, tag) in tags.iter().enumerate() {
        if tags[..at].iter().any(|other| fold(other) == fold(tag)) {
            fields.note(Common::InvalidField, format!("tags[{at}]"), "comes twice");
        }
    }
    tags
}

/// Reads images, whose addresses the contract checks.
pub fn images(fields: &mut Fields, sent: &[ProductImage]) -> Vec<Image> {
    let images = fields.each("images", sent, |fields, image| {
        let (url, alt) = (fields.text("url", &image.url), fields.text("alt", &image.alt));
        Some(Image { url: url?, alt: alt? })
    });
    images.unwrap_or_default()
}

/// Reads a status; none where it is left out.
pub fn status(sent: proto::ProductStatus) -> Option<Status> {
    match sent {
        proto::ProductStatus::Unspecified => None,
        proto::ProductStatus::Draft => Some(Status::Draft),
        proto::ProductStatus::Active => Some(Status::Active),
        proto::ProductStatus::Archived => Some(Status::Archived),
        proto::ProductStatus::Inactive => Some(Status::Inactive),
    }
}

impl From<&Product> for proto::Product {
    fn from(product: &Product) -> Self {
        let content = &product.content;
        let status = match content.status {
            Status::Draft => proto::ProductStatus::Draft,
            Status::Active => proto::ProductStatus::Active,
            Status::Archived => proto::ProductStatus::Archived,
            Status::Inactive => proto::ProductStatus::Inactive,
        };
        Self {
            product_id: product.head.id.to_string(),
            key: text(content.key.as_ref()),
            title: content.title.clone(),
            description: content.description.clone(),
            brand_id: text(content.brand_id.as_ref()),
            category_ids: content.category_ids.iter().map(ToString::to_string).collect(),
            status: status.into(),
            tier2_attributes: value::messages(&content.values),
            specifications: free::message(&content.specifications),
            marketing_content: free::message(&content.marketing_content),
            version: product.head.version,
            create_time: Some(timestamp(product.head.created_at)),
            update_time: Some(timestamp(product.head.updated_at)),
            tags: content.tags.clone(),
            images: content.images.iter().map(ProductImage::from).collect(),
        }
    }
}

impl From<&Image> for ProductImage {
    fn from(image: &Image) -> Self {
        Self { url: image.url.clone(), alt: image.alt.clone() }
    }
}

impl Published for Product {
    const FAMILY: &'static str = proto::Product::FAMILY;

    fn head(&self) -> &Head<Self> {
        &self.head
    }

    fn event(&self, change: &Change) -> Fact {
        match change {
            Change::Created => Fact::from(&ProductCreated { product: Some(self.into()) }),
            Change::Updated(_) => {
                let changed = change.names();
                Fact::from(&ProductUpdated { product: Some(self.into()), changed })
            }
            Change::Deleted => Fact::from(&ProductDeleted {
                product_id: self.head.id.to_string(),
                version: self.head.version,
            }),
        }
    }
}
