//! Products: what variants have in common.

use super::brand::Brand;
use super::category::Category;
use super::free::Free;
use super::value::Values;
use catalog_api::v1::Reason;
use chrono::{DateTime, Utc};
use convert::Fields;
use fault::Fault;
use kernel::head::{Change, Changed, Head};
use kernel::id::Id;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The fields that an update may name.
pub const FIELDS: [&str; 11] = [
    "key",
    "title",
    "description",
    "brand_id",
    "category_ids",
    "status",
    "tier2_attributes",
    "specifications",
    "marketing_content",
    "tags",
    "images",
];

/// Most variants that go with their product in one call: one transaction has to hold all their events.
pub const MAX_DELETED_VARIANTS: usize = 1_000;

/// A product. It holds no variants, since their number is without bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Its id, version and instants.
    pub head: Head<Product>,
    /// Its content.
    pub content: Content,
}

/// The content that a caller sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// Key of the caller's own.
    pub key: Option<String>,
    /// Title as customers read it.
    pub title: String,
    /// Description; may hold HTML.
    pub description: String,
    /// Its brand.
    pub brand_id: Option<Id<Brand>>,
    /// Categories that it is filed under directly.
    pub category_ids: BTreeSet<Id<Category>>,
    /// Whether customers see it.
    pub status: Status,
    /// Tier 2.
    pub values: Values,
    /// Tier 3: free technical data.
    pub specifications: Free,
    /// Tier 3: free marketing texts and media.
    pub marketing_content: Free,
    /// Tags, none twice.
    pub tags: Vec<String>,
    /// Images, the one to show first at the beginning.
    pub images: Vec<Image>,
}

/// An image that is kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its address.
    pub url: String,
    /// What it shows.
    pub alt: String,
}

/// Whether customers see a product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Status {
    /// Being prepared.
    Draft,
    /// On offer.
    #[default]
    Active,
    /// No longer on offer.
    Archived,
    /// Taken off for a while.
    Inactive,
}

impl Status {
    /// Every status, with the name that it has in the database.
    pub const NAMES: [(Self, &'static str); 4] = [
        (Self::Draft, "draft"),
        (Self::Active, "active"),
        (Self::Archived, "archived"),
        (Self::Inactive, "inactive"),
    ];

    /// The name that it has in the database.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }

    /// The status of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, own)| *own == name).map(|(own, _)| *own)
    }
}

/// What a write finds of the things that a product names; the rows are locked, so it stays so.
#[derive(Debug, Clone, Default)]
pub struct References {
    /// The wanted key belongs to another product or did once.
    pub key_taken: bool,
    /// The wanted brand exists.
    pub has_brand: bool,
    /// Those of the wanted categories that exist.
    pub categories: BTreeSet<Id<Category>>,
}

impl Product {
    /// A new product.
    pub fn create(
        id: Id<Self>,
        content: Content,
        references: &References,
        now: DateTime<Utc>,
    ) -> Result<(Self, Change), Fault> {
        content.check(references)?;
        Ok(Self::new(id, content, now))
    }

    /// A new product whose references were checked already.
    pub fn new(id: Id<Self>, content: Content, now: DateTime<Utc>) -> (Self, Change) {
        (Self { head: Head::new(id, now), content }, Change::Created)
    }

    /// Takes over the fields of `new` that are `named`; the others of `new` are empty.
    pub fn update(
        &mut self,
        new: Content,
        named: &[&str],
        references: &References,
        expected: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Option<Change>, Fault> {
        self.head.expect(expected)?;
        new.check(references)?;
        Ok(self.apply(new, named, now))
    }

    /// Takes over the fields of `new` that are `named`; their references were checked already.
    pub fn apply(&mut self, new: Content, named: &[&str], now: DateTime<Utc>) -> Option<Change> {
        let changed = self.content.take(new, named);
        self.head.update(changed, now)
    }

    /// Deletes it, unless it has more than [`MAX_DELETED_VARIANTS`] variants.
    pub fn delete(
        &mut self,
        variants: usize,
        expected: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Change, Fault> {
        self.head.expect(expected)?;
        if variants > MAX_DELETED_VARIANTS {
            let message = format!(
                "the product has more than {MAX_DELETED_VARIANTS} variants; delete variants first"
            );
            return Err(Fault::new(Reason::TooManyVariants, message));
        }
        Ok(self.head.delete(now))
    }
}

impl Content {
    fn check(&self, references: &References) -> Result<(), Fault> {
        if references.key_taken {
            let message = "belongs to another product or did once; keys are never used again";
            let fault = Fault::field(Reason::ProductKeyTaken, "product.key", message);
            return Err(fault.with("key", self.key.as_deref().unwrap_or_default()));
        }
        if self.brand_id.is_some() && !references.has_brand {
            let message = "names no brand that exists";
            return Err(Fault::field(Reason::UnknownBrand, "product.brand_id", message));
        }
        let mut fields = Fields::default();
        for id in self.category_ids.difference(&references.categories) {
            let message = format!("{id} names no category that exists");
            fields.note(Reason::UnknownCategory, "product.category_ids", message);
        }
        fields.finish()
    }

    fn take<'m>(&mut self, new: Self, named: &'m [&'m str]) -> Changed<'m> {
        let mut changed = Changed::among(named);
        changed.set("key", &mut self.key, new.key);
        changed.set("title", &mut self.title, new.title);
        changed.set("description", &mut self.description, new.description);
        changed.set("brand_id", &mut self.brand_id, new.brand_id);
        changed.set("category_ids", &mut self.category_ids, new.category_ids);
        changed.set("status", &mut self.status, new.status);
        changed.set("tier2_attributes", &mut self.values, new.values);
        changed.set("specifications", &mut self.specifications, new.specifications);
        changed.set("marketing_content", &mut self.marketing_content, new.marketing_content);
        changed.set("tags", &mut self.tags, new.tags);
        changed.set("images", &mut self.images, new.images);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Product {
        let content = Content { title: "Phone".into(), ..Content::default() };
        Product::new(Id::new(), content, Utc::now()).0
    }

    #[test]
    fn only_named_fields_that_differ_change() {
        let mut product = phone();
        let new =
            || Content { title: "Phone 2".into(), key: Some("k".into()), ..Content::default() };
        let none = References::default();
        let changed = product.update(new(), &["title"], &none, Some(1), Utc::now()).unwrap();
        assert_eq!(changed, Some(Change::Updated(vec!["title"])));
        assert_eq!((product.head.version, product.content.key.as_deref()), (2, None));
        assert_eq!(product.update(new(), &["title"], &none, None, Utc::now()).unwrap(), None);
        assert_eq!(product.head.version, 2);
        let stale = product.update(new(), &["title"], &none, Some(1), Utc::now()).unwrap_err();
        assert_eq!(stale.metadata()["current_version"], "2");
    }

    #[test]
    fn what_it_names_must_be_there() {
        let now = Utc::now();
        let refusal = |content: Content, references: &References| {
            let made = Product::create(Id::new(), content, references, now);
            made.err().map(|fault| fault.reason().to_owned())
        };
        let branded = Content { brand_id: Some(Id::new()), ..Content::default() };
        let filed = Content { category_ids: [Id::new()].into(), ..Content::default() };
        let none = References::default();
        assert_eq!(refusal(branded.clone(), &none).as_deref(), Some("UNKNOWN_BRAND"));
        assert_eq!(refusal(filed, &none).as_deref(), Some("UNKNOWN_CATEGORY"));
        let taken = References { key_taken: true, has_brand: true, ..References::default() };
        assert_eq!(refusal(branded, &taken).as_deref(), Some("PRODUCT_KEY_TAKEN"));
    }

    #[test]
    fn a_thousand_variants_go_with_it_and_not_one_more() {
        let mut product = phone();
        let fault = product.delete(1_001, None, Utc::now()).unwrap_err();
        assert!(fault.is(Reason::TooManyVariants));
        assert_eq!(product.delete(1_000, Some(1), Utc::now()).unwrap(), Change::Deleted);
        assert_eq!(product.head.version, 2);
    }
}
