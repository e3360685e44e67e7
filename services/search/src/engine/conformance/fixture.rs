//! Test fixture: builders for products, prices and queries, and results as text.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kernel::currency::Currency;
use kernel::price::{Level, PriceRow, Scope};
use kernel::window::Window;
use uuid::Uuid;

use crate::engine::document::{
    Attribute, AttributeKind, AttributeValue, Document, VariantDocument,
};
use crate::engine::hits::{FacetCounts, FacetValue, Hits};
use crate::engine::query::{
    After, AttributeCondition, AttributeFilter, Facet, FacetRequest, PriceRange, Query, Sort,
};
use crate::engine::{Change, Checkpoint, Engine};

/// The midnight on which that day of the cases begins.
pub fn day(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000 + day)
}

/// A product of that number, without brand, categories or variants.
pub fn product(number: u128) -> Document {
    Document {
        product_id: Uuid::from_u128(number),
        revision: 1,
        title: format!("product {number}"),
        description: String::new(),
        attribute_texts: Vec::new(),
        brand_id: None,
        brand: String::new(),
        category_ids: Vec::new(),
        created_at: day(0),
        priced_at: day(0),
        is_tracked: false,
        variants: Vec::new(),
    }
}

impl Document {
    pub(super) fn titled(mut self, title: &str) -> Document {
        self.title = title.to_owned();
        self
    }

    pub(super) fn described(mut self, description: &str) -> Document {
        self.description = description.to_owned();
        self
    }

    pub(super) fn texted(mut self, text: &str) -> Document {
        self.attribute_texts.push(text.to_owned());
        self
    }

    /// The brand's id is made of its name.
    pub(super) fn of_brand(mut self, name: &str) -> Document {
        self.brand_id = Some(brand_id(name));
        self.brand = name.to_owned();
        self
    }

    pub(super) fn in_categories(mut self, numbers: &[u128]) -> Document {
        self.category_ids = numbers.iter().map(|number| Uuid::from_u128(*number)).collect();
        self
    }

    pub(super) fn created(mut self, at: DateTime<Utc>) -> Document {
        self.created_at = at;
        self
    }

    pub(super) fn priced(mut self, at: DateTime<Utc>) -> Document {
        self.priced_at = at;
        self
    }

    /// Adds a variant. Variant 3 of product 7 is number 7003.
    pub(super) fn with(
        mut self,
        attributes: &[Attribute],
        prices: &[PriceRow<String>],
    ) -> Document {
        let nth = self.variants.len() as u128 + 1;
        let number = self.product_id.as_u128().wrapping_mul(1_000).wrapping_add(nth);
        self.variants.push(VariantDocument {
            variant_id: Uuid::from_u128(number),
            sku: format!("SKU-{number}"),
            attributes: attributes.to_vec(),
            prices: prices.to_vec(),
            in_stock: Vec::new(),
        });
        self
    }

    /// Something is known of its stock; its last variant can be bought from these warehouses.
    pub(super) fn stocked(mut self, warehouses: &[&str]) -> Document {
        self.is_tracked = true;
        if let Some(variant) = self.variants.last_mut() {
            variant.in_stock = warehouses.iter().map(|name| (*name).to_owned()).collect();
        }
        self
    }

    /// Adds a variant of that SKU.
    pub(super) fn with_sku(self, sku: &str) -> Document {
        let mut document = self.with(&[], &[]);
        document.variants.last_mut().unwrap().sku = sku.to_owned();
        document
    }
}

pub fn brand_id(name: &str) -> Uuid {
    Uuid::from_u128(name.bytes().fold(0, |id, byte| id << 8 | u128::from(byte)))
}

pub fn text(code: &str, value: &str) -> Attribute {
    Attribute { code: code.to_owned(), value: AttributeValue::Text(value.to_owned()) }
}

pub fn color(value: &str) -> Attribute {
    text("color", value)
}

pub fn size(value: &str) -> Attribute {
    text("size", value)
}

pub fn number(code: &str, value: f64) -> Attribute {
    Attribute { code: code.to_owned(), value: AttributeValue::Number(value) }
}

pub fn date(code: &str, year: i32) -> Attribute {
    let date = NaiveDate::from_ymd_opt(year, 6, 15).unwrap();
    Attribute { code: code.to_owned(), value: AttributeValue::Date(date) }
}

pub fn money(code: &str, in_currency: &str, minor_units: i64) -> Attribute {
    let value = AttributeValue::Money { currency: currency(in_currency), minor_units };
    Attribute { code: code.to_owned(), value }
}

/// A SKU's own price, in force for ever and anywhere.
pub fn usd(amount_minor: i64) -> PriceRow<String> {
    PriceRow {
        id: Uuid::from_u128(amount_minor as u128),
        level: Level::Sku,
        currency: currency("USD"),
        scope: Scope::UNSCOPED,
        window: Window::ALWAYS,
        base: amount_minor,
        sale: None,
    }
}

pub fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

/// Narrows a price.
pub trait Narrow: Sized {
    fn of_product(self) -> Self;
    fn eur(self) -> Self;
    fn on_sale(self, amount_minor: i64) -> Self;
    fn within(self, from: impl Into<Option<i64>>, until: impl Into<Option<i64>>) -> Self;
    fn at_warehouse(self, warehouse: &str) -> Self;
    fn on_channel(self, channel: &str) -> Self;
    fn in_country(self, country: &str) -> Self;
}

impl Narrow for PriceRow<String> {
    fn of_product(self) -> Self {
        PriceRow { level: Level::Product, ..self }
    }

    fn eur(self) -> Self {
        PriceRow { currency: currency("EUR"), ..self }
    }

    fn on_sale(self, amount_minor: i64) -> Self {
        PriceRow { sale: Some(amount_minor), ..self }
    }

    fn within(self, from: impl Into<Option<i64>>, until: impl Into<Option<i64>>) -> Self {
        let window = Window::try_new(from.into().map(day), until.into().map(day)).unwrap();
        PriceRow { window, ..self }
    }

    fn at_warehouse(mut self, warehouse: &str) -> Self {
        self.scope.warehouse = Some(warehouse.to_owned());
        self
    }

    fn on_channel(mut self, channel: &str) -> Self {
        self.scope.channel = Some(channel.to_owned());
        self
    }

    fn in_country(mut self, country: &str) -> Self {
        self.scope.country = Some(country.to_owned());
        self
    }
}

/// Everything, on day 0, in no currency.
pub fn all() -> Query {
    Query::everything(day(0))
}

impl Query {
    pub(super) fn words(mut self, text: &str) -> Query {
        self.text = text.to_owned();
        self
    }

    /// Filters by an attribute; one more value of a code already filtered by is an alternative.
    pub(super) fn only(mut self, wanted: Attribute) -> Query {
        let filters = &mut self.filters.attributes;
        match filters.iter_mut().find(|filter| filter.code == wanted.code) {
            Some(AttributeFilter { condition: AttributeCondition::AnyOf(values), .. }) => {
                values.push(wanted.value);
            }
            _ => filters.push(AttributeFilter {
                code: wanted.code,
                condition: AttributeCondition::AnyOf(vec![wanted.value]),
            }),
        }
        self
    }

    pub(super) fn only_if(mut self, code: &str, condition: AttributeCondition) -> Query {
        self.filters.attributes.push(AttributeFilter { code: code.to_owned(), condition });
        self
    }

    pub(super) fn only_brand(mut self, name: &str) -> Query {
        self.filters.brand_ids.push(brand_id(name));
        self
    }

    pub(super) fn only_category(mut self, number: u128) -> Query {
        self.filters.category_ids.push(Uuid::from_u128(number));
        self
    }

    /// Filters by amounts from the one up to and with the other.
    pub(super) fn only_price(mut self, min: i64, max: i64) -> Query {
        self.filters.price = Some(range(min, max));
        self
    }

    pub(super) fn only_in_stock(mut self, in_stock: bool) -> Query {
        self.filters.in_stock = Some(in_stock);
        self
    }

    /// With the stock of that warehouse.
    pub(super) fn stock_of(mut self, warehouse: &str) -> Query {
        self.warehouse = Some(warehouse.to_owned());
        self
    }

    pub(super) fn in_usd(self) -> Query {
        self.in_currency("USD")
    }

    pub(super) fn in_currency(mut self, code: &str) -> Query {
        self.pricing.currency = Some(currency(code));
        self
    }

    pub(super) fn served_by(mut self, warehouse: &str) -> Query {
        self.pricing.warehouse = Some(warehouse.to_owned());
        self
    }

    pub(super) fn sent_to(mut self, country: &str) -> Query {
        self.pricing.country = Some(country.to_owned());
        self
    }

    pub(super) fn through_channel(mut self, channel: &str) -> Query {
        self.pricing.channel = Some(channel.to_owned());
        self
    }

    pub(super) fn on_day(self, number: i64) -> Query {
        self.at(day(number))
    }

    pub(super) fn at(self, at: DateTime<Utc>) -> Query {
        Query { at, ..self }
    }

    pub(super) fn sorted(self, sort: Sort) -> Query {
        Query { sort, ..self }
    }

    pub(super) fn first(self, limit: usize) -> Query {
        Query { limit, ..self }
    }

    pub(super) fn after(self, after: After) -> Query {
        Query { after: Some(after), ..self }
    }

    pub(super) fn count(mut self, facet: Facet, size: usize) -> Query {
        self.facets.push(FacetRequest { facet, size });
        self
    }
}

pub fn range(min: i64, max: i64) -> PriceRange {
    PriceRange { min_minor: Some(min), max_minor: Some(max) }
}

/// The facet of a text attribute.
pub fn facet(code: &str) -> Facet {
    Facet::Attribute { code: code.to_owned(), kind: AttributeKind::Text }
}

/// An engine and the last revision written to it.
pub struct Fixture {
    pub engine: Box<dyn Engine>,
    revision: i64,
}

impl Fixture {
    /// With the documents that the engine has already.
    pub fn of(engine: Box<dyn Engine>) -> Fixture {
        Fixture { engine, revision: 0 }
    }

    pub fn new(engine: Box<dyn Engine>, products: impl IntoIterator<Item = Document>) -> Fixture {
        let mut fixture = Fixture::of(engine);
        fixture.put(products);
        fixture
    }

    pub fn put(&mut self, products: impl IntoIterator<Item = Document>) {
        self.change(products.into_iter().map(|product| Change::Put(Box::new(product))));
    }

    pub fn change(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.revision += 1;
        let upto = Checkpoint { revision: self.revision, epoch: 1 };
        self.engine.index(changes.into_iter().collect(), upto).unwrap();
    }

    pub fn query(&self, query: Query) -> Hits {
        self.engine.query(&query).unwrap()
    }

    /// The pages from a query on, as long as there are any; `between` is done before each but the first.
    pub fn pages(&mut self, query: &Query, mut between: impl FnMut(&mut Fixture)) -> Vec<Hits> {
        let mut pages = vec![self.query(query.clone())];
        while let Some(after) = pages.last().and_then(|page| page.next(page.hits.len())) {
            between(self);
            pages.push(self.query(query.clone().after(after)));
        }
        pages
    }

    /// The products found, in their order: `3 1 2`.
    pub fn find(&self, query: Query) -> String {
        let numbers = self.query(query).hits.into_iter().map(|hit| hit.product_id.as_u128());
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// The products found and what is shown of them: `3 (3002 at 95), 1 (1001)`.
    pub fn show(&self, query: Query) -> String {
        let shown = self.query(query).hits.into_iter().map(|hit| {
            let variant = hit.variant_id.map_or(String::from("-"), |id| id.as_u128().to_string());
            let amount = hit.amount_minor.map_or(String::new(), |amount| format!(" at {amount}"));
            format!("{} ({variant}{amount})", hit.product_id.as_u128())
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    /// The only requested facet: `blue 2, *red 1, +3`, where `*` marks what is selected and the
    /// last number is the count of the others.
    pub fn count(&self, query: Query) -> String {
        let facets = self.query(query).facets;
        assert_eq!(facets.len(), 1);
        facets.iter().map(render).collect()
    }
}

pub fn render(counts: &FacetCounts) -> String {
    let values = counts.values.iter().map(|counted| {
        let mark = if counted.selected { "*" } else { "" };
        format!("{mark}{} {}", value(&counted.value), counted.count)
    });
    let others = (counts.other_count > 0).then(|| format!("+{}", counts.other_count));
    values.chain(others).collect::<Vec<_>>().join(", ")
}

fn value(value: &FacetValue) -> String {
    let end = |end: Option<i64>| end.map_or(String::new(), |end| end.to_string());
    match value {
        FacetValue::Brand { brand_id, name } if name.is_empty() => brand_id.as_u128().to_string(),
        FacetValue::Brand { name, .. } => name.clone(),
        FacetValue::Category(id) => id.as_u128().to_string(),
        FacetValue::Price(range) => format!("{}..{}", end(range.min_minor), end(range.max_minor)),
        FacetValue::InStock(in_stock) => if *in_stock { "in" } else { "out" }.to_owned(),
        FacetValue::Attribute(AttributeValue::Text(text)) => text.clone(),
        FacetValue::Attribute(AttributeValue::Number(number)) => number.to_string(),
        FacetValue::Attribute(AttributeValue::Bool(bool)) => bool.to_string(),
        FacetValue::Attribute(AttributeValue::Date(date)) => date.to_string(),
        FacetValue::Attribute(AttributeValue::Money { currency, minor_units }) => {
            format!("{} {minor_units}", currency.code())
        }
    }
}
