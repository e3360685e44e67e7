//! What a chunk of an import does: every row decided against what is there, without writing anything.

use super::attribute::{Attribute, Definition};
use super::brand::Brand;
use super::category::Category;
use super::definitions::Definitions;
use super::kind::Kind;
use super::product::{self, Product};
use super::value::CodedValue;
use super::variant::{self, Options, Variant, options_taken, sku_taken, sku_twice};
use catalog_api::v1::Reason;
use chrono::{DateTime, Utc};
use convert::Fields;
use fault::Fault;
use kernel::head::Change;
use kernel::id::Id;
use kernel::name::fold;
use kernel::sku::Sku;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Most rows of a chunk.
pub const MAX_ROWS: usize = 1_000;

/// A product as it should be after the import, names not yet looked up.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its content, without what `brand`, `category_keys` and `given` will become.
    pub content: product::Content,
    /// Name of the brand; empty: none.
    pub brand: String,
    /// Keys of its categories.
    pub category_keys: Vec<String>,
    /// Tier 2 values.
    pub given: Vec<CodedValue>,
    /// Its variants.
    pub variants: Vec<VariantRow>,
}

impl Row {
    /// Refuses what no shop could take, whatever is there: two values of one attribute, variants with one SKU, and variants that differ
    /// in nothing.
    pub fn check(&self) -> Result<(), Fault> {
        values_once(&self.given)?;
        let options: Vec<Options> = self.variants.iter().map(|own| own.content.options()).collect();
        for (at, own) in self.variants.iter().enumerate() {
            let (earlier, path) = (&self.variants[..at], format!("variants[{at}]"));
            if earlier.iter().any(|other| other.sku == own.sku) {
                return Err(sku_twice(&own.sku).below(&path));
            }
            values_once(&own.given).map_err(|fault| fault.below(&path))?;
            let mut alike = earlier.iter().zip(&options);
            if alike.any(|(other, of)| *of == options[at] && other.given == own.given) {
                return Err(options_taken().below(&path));
            }
        }
        Ok(())
    }
}

fn values_once(given: &[CodedValue]) -> Result<(), Fault> {
    let mut seen = HashSet::with_capacity(given.len());
    let mut fields = Fields::default();
    for (at, CodedValue { code, value }) in given.iter().enumerate() {
        if !seen.insert((code, value.kind())) {
            let message = format!("{code} has two values");
            fields.note(Reason::AttributeValueInvalid, format!("tier2_attributes[{at}]"), message);
        }
    }
    fields.finish()
}

/// A variant as it should be after the import.
#[derive(Debug, Clone)]
pub struct VariantRow {
    /// Names it.
    pub sku: Sku,
    /// Its content, without what `given` will become.
    pub content: variant::Content,
    /// Tier 2 values.
    pub given: Vec<CodedValue>,
}

/// What the caller allows an import to make on its way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// An attribute that is not defined is defined from its first value.
    pub define_missing_attributes: bool,
    /// A brand that does not exist is created.
    pub create_missing_brands: bool,
}

/// What is there of all that the rows of a chunk name; locked, so it stays so.
#[derive(Debug, Default)]
pub struct Known {
    /// Definitions of the attributes.
    pub definitions: Definitions,
    /// Brands by folded name.
    pub brands: HashMap<String, Id<Brand>>,
    /// Categories by folded key.
    pub categories: HashMap<String, Id<Category>>,
    /// Which product has a folded key or had it.
    pub keys: HashMap<String, Id<Product>>,
    /// Those products.
    pub products: HashMap<Id<Product>, Product>,
    /// Variants by SKU, deleted ones and those of other products included.
    pub variants: HashMap<Sku, Variant>,
    /// Which live variant of a product has certain options.
    pub options: HashMap<(Id<Product>, Options), Id<Variant>>,
}

/// What is to be written, and what became of each row.
#[derive(Debug, Default)]
pub struct Plan {
    /// Definitions to write.
    pub attributes: Vec<(Attribute, Change)>,
    /// Brands to write.
    pub brands: Vec<(Brand, Change)>,
    /// Products to write.
    pub products: Vec<(Product, Change)>,
    /// Variants to write.
    pub variants: Vec<(Variant, Change)>,
    /// Rows whose product was created.
    pub created: i32,
    /// Rows that changed something.
    pub updated: i32,
    /// Rows that were there already.
    pub unchanged: i32,
    /// Rows that were refused: index, key and why.
    pub refused: Vec<(usize, String, Fault)>,
}

/// Decides a chunk. `rows` holds the key of each row, and what it says or why it cannot be read.
pub fn plan(
    rows: Vec<(String, Result<Row, Fault>)>,
    settings: Settings,
    known: Known,
    now: DateTime<Utc>,
) -> Plan {
    let (mut plan, mut keys) = (Plan::default(), HashSet::new());
    let mut planner = Planner { settings, known, now, skus: HashSet::new() };
    for (index, (key, row)) in rows.into_iter().enumerate() {
        let decided = row.and_then(|row| {
            // A row that cannot be read takes the key from none.
            if !keys.insert(fold(&key)) {
                return Err(key_taken(&key, "comes twice in this chunk"));
            }
            planner.decide(&row)
        });
        match decided {
            Ok(effect) => plan.add(effect),
            Err(fault) => plan.refused.push((index, key, fault)),
        }
    }
    plan
}

struct Planner {
    settings: Settings,
    known: Known,
    now: DateTime<Utc>,
    skus: HashSet<Sku>,
}

/// A variant that a row changes; none: it is there already.
type Written = Option<(Variant, Change)>;

/// What one row does.
#[derive(Default)]
struct Effect {
    attributes: Vec<Attribute>,
    brand: Option<Brand>,
    product: Option<(Product, Change)>,
    variants: Vec<(Variant, Change)>,
}

impl Plan {
    fn add(&mut self, effect: Effect) {
        match &effect.product {
            Some((_, Change::Created)) => self.created += 1,
            None if effect.variants.is_empty() => self.unchanged += 1,
            _ => self.updated += 1,
        }
        self.attributes.extend(effect.attributes.into_iter().map(|own| (own, Change::Created)));
        self.brands.extend(effect.brand.map(|own| (own, Change::Created)));
        self.products.extend(effect.product);
        self.variants.extend(effect.variants);
    }
}

impl Planner {
    /// A refused row leaves no trace: what it would have defined is taken back.
    fn decide(&mut self, row: &Row) -> Result<Effect, Fault> {
        let mut effect = Effect::default();
        let decided = self.fill(row, &mut effect);
        if let Err(fault) = decided {
            for attribute in &effect.attributes {
                self.known.definitions.remove(attribute.head.id);
            }
            return Err(fault);
        }
        if let Some(brand) = &effect.brand {
            self.known.brands.insert(fold(&brand.name), brand.head.id);
        }
        self.skus.extend(row.variants.iter().map(|variant| variant.sku.clone()));
        Ok(effect)
    }

    fn fill(&mut self, row: &Row, effect: &mut Effect) -> Result<(), Fault> {
        let mut content = row.content.clone();
        content.brand_id = self.brand(&row.brand, effect)?;
        content.category_ids = self.categories(&row.category_keys)?;
        self.define(&row.given, "tier2_attributes", effect)?;
        content.values = self.known.definitions.check(&row.given, "tier2_attributes")?;
        let current = self.current(&content)?;
        let product_id = current.as_ref().map_or_else(Id::new, |product| product.head.id);
        effect.product = match current {
            Some(mut product) => {
                let change = product.apply(content, &product::FIELDS, self.now);
                change.map(|change| (product, change))
            }
            None => Some(Product::new(product_id, content, self.now)),
        };
        self.variants(row, product_id, effect)
    }

    fn brand(&self, name: &str, effect: &mut Effect) -> Result<Option<Id<Brand>>, Fault> {
        if name.is_empty() {
            return Ok(None);
        }
        if let Some(id) = self.known.brands.get(&fold(name)) {
            return Ok(Some(*id));
        }
        if !self.settings.create_missing_brands {
            let message = format!("no brand is called {name:?}");
            return Err(Fault::field(Reason::UnknownBrand, "brand", message));
        }
        let (brand, _) = Brand::create(Id::new(), name.to_owned(), false, self.now)?;
        let id = brand.head.id;
        effect.brand = Some(brand);
        Ok(Some(id))
    }

    fn categories(&self, keys: &[String]) -> Result<BTreeSet<Id<Category>>, Fault> {
        let (mut ids, mut fields) = (BTreeSet::new(), Fields::default());
        for (at, key) in keys.iter().enumerate() {
            match self.known.categories.get(&fold(key)) {
                Some(id) => drop(ids.insert(*id)),
                None => {
                    let message = format!("no category has the key {key:?}");
                    fields.note(Reason::UnknownCategory, format!("category_keys[{at}]"), message);
                }
            }
        }
        fields.finish()?;
        Ok(ids)
    }

    fn define(
        &mut self,
        given: &[CodedValue],
        path: &str,
        effect: &mut Effect,
    ) -> Result<(), Fault> {
        if !self.settings.define_missing_attributes {
            return Ok(());
        }
        for (at, CodedValue { code, value }) in given.iter().enumerate() {
            let kind: Kind = value.kind();
            if self.known.definitions.has(code, kind) {
                continue;
            }
            if !Definition::is_code(code) {
                let message =
                    "cannot be defined: only lower-case letters, digits and _ are allowed";
                let path = format!("{path}[{at}].code");
                return Err(Fault::field(Reason::AttributeDefinitionInvalid, path, message));
            }
            let definition = Definition::plain(code.clone(), kind);
            let (attribute, _) = Attribute::define(Id::new(), definition, self.now)?;
            self.known.definitions.add(attribute.clone());
            effect.attributes.push(attribute);
        }
        Ok(())
    }

    /// The product that the row's key names; none: it is to be created.
    fn current(&self, content: &product::Content) -> Result<Option<Product>, Fault> {
        let key = content.key.as_deref().unwrap_or_default();
        let folded = fold(key);
        let Some(id) = self.known.keys.get(&folded) else { return Ok(None) };
        let product = self.known.products.get(id);
        let has_it =
            |own: &&Product| own.content.key.as_deref().is_some_and(|own| fold(own) == folded);
        match product.filter(|own| !own.head.is_deleted()).filter(has_it) {
            Some(product) => Ok(Some(product.clone())),
            None => Err(key_taken(key, "belonged to another product once")),
        }
    }

    fn variants(&mut self, row: &Row, of: Id<Product>, effect: &mut Effect) -> Result<(), Fault> {
        let mut finals: HashMap<Options, (Id<Variant>, usize)> = HashMap::new();
        let mut moved = HashSet::new();
        for (at, own) in row.variants.iter().enumerate() {
            let path = format!("variants[{at}]");
            if self.skus.contains(&own.sku) {
                return Err(sku_taken(&own.sku).below(&path));
            }
            let given = format!("{path}.tier2_attributes");
            self.define(&own.given, &given, effect)?;
            let values = self.known.definitions.check(&own.given, &given)?;
            let content = variant::Content { values, ..own.content.clone() };
            let options = content.options();
            let (id, written) =
                self.variant(own, content, of).map_err(|fault| fault.below(&path))?;
            if finals.insert(options, (id, at)).is_some() {
                return Err(options_taken().below(&path));
            }
            moved.insert(id);
            effect.variants.extend(written);
        }
        for (options, (id, at)) in &finals {
            let holder = self.known.options.get(&(of, *options));
            if holder.is_some_and(|holder| holder != id && !moved.contains(holder)) {
                return Err(options_taken().below(&format!("variants[{at}]")));
            }
        }
        Ok(())
    }

    fn variant(
        &self,
        own: &VariantRow,
        content: variant::Content,
        of: Id<Product>,
    ) -> Result<(Id<Variant>, Written), Fault> {
        match self.known.variants.get(&own.sku) {
            Some(known) if known.product_id == of && !known.head.is_deleted() => {
                let mut variant = known.clone();
                let change = variant.update(content, &variant::FIELDS, None, self.now)?;
                Ok((variant.head.id, change.map(|change| (variant, change))))
            }
            Some(_) => Err(sku_taken(&own.sku)),
            None => {
                let created = Variant::new(Id::new(), of, own.sku.clone(), content, self.now);
                Ok((created.0.head.id, Some(created)))
            }
        }
    }
}

fn key_taken(key: &str, message: &str) -> Fault {
    Fault::field(Reason::ProductKeyTaken, "key", message).with("key", key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::value::Value;
    use crate::domain::variant::Tier1;
    use fault::Common;

    fn row(key: &str, skus: &[&str]) -> (String, Result<Row, Fault>) {
        let variants = skus.iter().map(|sku| VariantRow {
            sku: Sku::parse(sku).unwrap(),
            content: variant::Content {
                tier1: Tier1 { color: (*sku).to_owned(), ..Tier1::default() },
                ..variant::Content::default()
            },
            given: Vec::new(),
        });
        let content = product::Content { key: Some(key.to_owned()), ..product::Content::default() };
        let variants = variants.collect();
        let (brand, category_keys, given) = (String::new(), Vec::new(), Vec::new());
        (key.to_owned(), Ok(Row { content, brand, category_keys, given, variants }))
    }

    fn all() -> Settings {
        Settings { define_missing_attributes: true, create_missing_brands: true }
    }

    fn reasons(plan: &Plan) -> Vec<(usize, &str)> {
        plan.refused.iter().map(|(row, _, fault)| (*row, fault.reason())).collect()
    }

    #[test]
    fn the_second_row_with_a_key_or_a_sku_is_refused() {
        let rows = vec![row("a", &["1"]), row("a", &["2"]), row("b", &["1"])];
        let plan = plan(rows, all(), Known::default(), Utc::now());
        assert_eq!(reasons(&plan), [(1, "PRODUCT_KEY_TAKEN"), (2, "SKU_TAKEN")]);
        assert_eq!((plan.created, plan.products.len(), plan.variants.len()), (1, 1, 1));
    }

    #[test]
    fn a_row_whose_variants_are_the_same_is_refused_whatever_is_there() {
        let check = |row: &Row| {
            let fault = row.check().err()?;
            Some((fault.reason().to_owned(), fault.violations()[0].field.clone()))
        };
        let refused = |reason: &str, field: &str| Some((reason.to_owned(), field.to_owned()));
        let twice = row("a", &["1", "2", "1"]).1.unwrap();
        assert_eq!(check(&twice), refused("SKU_TAKEN", "variants[2].sku"));
        let mut alike = row("a", &["1", "2"]).1.unwrap();
        assert_eq!(check(&alike), None);
        alike.variants[1].content = alike.variants[0].content.clone();
        assert_eq!(check(&alike), refused("OPTIONS_TAKEN", "variants[1].tier1_attributes"));
        // Only the shop knows whether variants may differ by it.
        let value = CodedValue { code: "x".into(), value: Value::Bool(true) };
        alike.variants[1].given = vec![value.clone()];
        assert_eq!(check(&alike), None);
        alike.variants[1].given.push(value.clone());
        let twice = refused("ATTRIBUTE_VALUE_INVALID", "variants[1].tier2_attributes[1]");
        assert_eq!(check(&alike), twice);
        alike.given = vec![value; 2];
        assert_eq!(check(&alike), refused("ATTRIBUTE_VALUE_INVALID", "tier2_attributes[1]"));
    }

    #[test]
    fn a_row_that_cannot_be_read_takes_no_key() {
        let unread =
            (" A".to_owned(), Err(Fault::field(Common::InvalidField, "title", "is blank")));
        let rows = vec![unread, row("a", &["1"]), row("A", &["2"])];
        let plan = plan(rows, all(), Known::default(), Utc::now());
        assert_eq!(reasons(&plan), [(0, "INVALID_FIELD"), (2, "PRODUCT_KEY_TAKEN")]);
        assert_eq!(plan.created, 1);
    }

    #[test]
    fn what_a_refused_row_would_have_made_the_next_one_makes() {
        let with = |key: &str, codes: &[&str]| {
            let (key, row) = row(key, &[key]);
            let given = |code: &&str| CodedValue { code: (*code).into(), value: Value::Bool(true) };
            let given = codes.iter().map(given).collect();
            (key, row.map(|row| Row { given, brand: "Acme".into(), ..row }))
        };
        let rows = vec![with("a", &["x", "No Code"]), with("b", &["x"]), with("c", &["x"])];
        let plan = plan(rows, all(), Known::default(), Utc::now());
        assert_eq!(reasons(&plan), [(0, "ATTRIBUTE_DEFINITION_INVALID")]);
        assert_eq!((plan.attributes.len(), plan.brands.len(), plan.created), (1, 1, 2));
        let brands: Vec<_> = plan.products.iter().map(|(own, _)| own.content.brand_id).collect();
        assert_eq!(brands, [Some(plan.brands[0].0.head.id); 2]);
    }
}
