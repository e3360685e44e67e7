//! Variants: what is bought, counted and priced.

use super::free::{self, Free};
use super::product::Product;
use super::value::Values;
use catalog_api::v1::Reason;
use chrono::{DateTime, Utc};
use fault::Fault;
use kernel::digest::sha256;
use kernel::head::{Change, Changed, Head};
use kernel::id::Id;
use kernel::name::fold;
use kernel::sku::Sku;

/// The fields that an update may name.
pub const FIELDS: [&str; 4] =
    ["tier1_attributes", "tier2_attributes", "specifications", "marketing_content"];

/// A variant. Its SKU and its product never change, and no two live variants of a product have the same options.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Its id, version and instants.
    pub head: Head<Variant>,
    /// Its product.
    pub product_id: Id<Product>,
    /// Stock keeping unit, unique among all that ever existed.
    pub sku: Sku,
    /// Its content.
    pub content: Content,
}

/// The content that a caller sets, beside the SKU.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// Tier 1.
    pub tier1: Tier1,
    /// Tier 2.
    pub values: Values,
    /// Tier 3: free technical data.
    pub specifications: Free,
    /// Tier 3: free marketing texts and media.
    pub marketing_content: Free,
}

/// Attributes that are common to most catalogues; empty: does not apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tier1 {
    /// Color.
    pub color: String,
    /// Size.
    pub size: String,
    /// Material.
    pub material: String,
    /// Gender.
    pub gender: String,
    /// Age group.
    pub age_group: String,
    /// Weight in grams; 0: not known.
    pub weight_grams: i64,
}

/// By what a variant differs from the others of its product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Options(pub [u8; 32]);

impl Content {
    /// The digest of its options, as names are compared: color, size, material, gender, age group and every variant-defining value.
    pub fn options(&self) -> Options {
        let Tier1 { color, size, material, gender, age_group, weight_grams: _ } = &self.tier1;
        let mut bytes = Vec::new();
        for text in [color, size, material, gender, age_group] {
            free::text(&fold(text), &mut bytes);
        }
        self.values.defining(&mut bytes);
        Options(sha256(&bytes))
    }

    fn take<'m>(&mut self, new: Self, named: &'m [&'m str]) -> Changed<'m> {
        let mut changed = Changed::among(named);
        changed.set("tier1_attributes", &mut self.tier1, new.tier1);
        changed.set("tier2_attributes", &mut self.values, new.values);
        changed.set("specifications", &mut self.specifications, new.specifications);
        changed.set("marketing_content", &mut self.marketing_content, new.marketing_content);
        changed
    }
}

impl Variant {
    /// A new variant.
    pub fn new(
        id: Id<Self>,
        product_id: Id<Product>,
        sku: Sku,
        content: Content,
        now: DateTime<Utc>,
    ) -> (Self, Change) {
        (Self { head: Head::new(id, now), product_id, sku, content }, Change::Created)
    }

    /// Takes over the fields of `new` that are `named`.
    pub fn update(
        &mut self,
        new: Content,
        named: &[&str],
        expected: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Option<Change>, Fault> {
        self.head.expect(expected)?;
        let changed = self.content.take(new, named);
        Ok(self.head.update(changed, now))
    }

    /// Deletes it, unless it is the only one of its product; `others`: how many more there are.
    pub fn delete(
        &mut self,
        others: i64,
        expected: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Change, Fault> {
        self.head.expect(expected)?;
        if others < 1 {
            let message = "a product keeps at least one variant; delete the product instead";
            return Err(Fault::new(Reason::LastVariant, message));
        }
        Ok(self.head.delete(now))
    }
}

/// Refuses a SKU that another variant has or had.
pub fn sku_taken(sku: &Sku) -> Fault {
    let message =
        format!("{sku} belongs to another variant or did once; SKUs are never used again");
    Fault::field(Reason::SkuTaken, "sku", message).with("sku", sku)
}

/// Refuses a SKU that two variants of one product shall have.
pub fn sku_twice(sku: &Sku) -> Fault {
    let message = format!("{sku} comes twice; each variant needs its own");
    Fault::field(Reason::SkuTaken, "sku", message).with("sku", sku)
}

/// Refuses options that another variant of the product has.
pub fn options_taken() -> Fault {
    let message = "another variant of the product has the same color, size, material, gender, age group and \
                   variant-defining attributes";
    Fault::field(Reason::OptionsTaken, "tier1_attributes", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::value::{Held, Value};

    fn colored(color: &str) -> Content {
        Content { tier1: Tier1 { color: color.into(), ..Tier1::default() }, ..Content::default() }
    }

    fn holding(code: &str, defining: bool) -> Content {
        let (attribute_id, value) = (Id::new(), Value::Bool(true));
        let held = Held { attribute_id, code: code.into(), defining, value };
        Content { values: Values::new(vec![held]), ..Content::default() }
    }

    #[test]
    fn options_are_what_variants_differ_by() {
        let plain = Content::default().options();
        assert_ne!(colored("red").options(), plain);
        let sized = Tier1 { size: "red".into(), ..Tier1::default() };
        let sized = Content { tier1: sized, ..Content::default() };
        assert_ne!(sized.options(), colored("red").options());
        let heavy = Tier1 { weight_grams: 5, ..Tier1::default() };
        assert_eq!(Content { tier1: heavy, ..Content::default() }.options(), plain);
        assert_eq!(holding("memory", false).options(), plain);
        assert_eq!(holding("memory", true).options(), holding("memory", true).options());
        assert_ne!(holding("memory", true).options(), holding("storage", true).options());
    }

    #[test]
    fn the_last_variant_stays() {
        let sku = Sku::parse("A-1").unwrap();
        let (mut own, _) = Variant::new(Id::new(), Id::new(), sku, colored("red"), Utc::now());
        assert!(own.delete(0, None, Utc::now()).unwrap_err().is(Reason::LastVariant));
        assert!(own.delete(1, Some(2), Utc::now()).is_err());
        assert_eq!(own.delete(1, Some(1), Utc::now()).unwrap(), Change::Deleted);
        assert_eq!(own.head.version, 2);
    }

    #[test]
    fn unnamed_fields_stay() {
        let sku = Sku::parse("A-1").unwrap();
        let (mut own, _) = Variant::new(Id::new(), Id::new(), sku, colored("red"), Utc::now());
        let new = Content { specifications: Free::default(), ..colored("blue") };
        let changed = own.update(new.clone(), &["specifications"], None, Utc::now()).unwrap();
        assert_eq!(changed, None);
        let changed = own.update(new, &FIELDS, Some(1), Utc::now()).unwrap();
        assert_eq!(changed, Some(Change::Updated(vec!["tier1_attributes"])));
    }
}
