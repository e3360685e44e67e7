//! Puts a document together from the entries of its sources.

use crate::domain::entry::{Entry, Section};
use crate::domain::shared::{Shared, TIER1_NUMBER, TIER1_TEXTS};
use crate::domain::stock::Level as StockLevel;
use crate::engine::document::{Attribute, AttributeValue, Document, VariantDocument};
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{
    AttributeValue as AttributeMessage, Product, ProductStatus, Tier1Attributes, Variant,
};
use chrono::{DateTime, NaiveDate, Utc};
use fault::Fault;
use kernel::currency::Currency;
use kernel::name::fold;
use kernel::price::{Level, PriceRow, Scope};
use kernel::window::Window;
use pricing_api::v1::{Price, PriceScope};
use prost::Message;
use std::collections::BTreeSet;
use uuid::Uuid;
use warehouse_api::v1::Stock;

/// The document of a product, or none where customers do not see it.
pub fn assemble(
    product_id: Uuid,
    revision: i64,
    entries: &[Entry],
    shared: &Shared,
    now: DateTime<Utc>,
) -> Result<Option<Document>, Fault> {
    let Some(product) = bodies::<Product>(entries, Section::Product)?.into_iter().next() else {
        return Ok(None);
    };
    if product.status() != ProductStatus::Active {
        return Ok(None);
    }
    let prices = bodies::<Price>(entries, Section::Price)?;
    let stock = bodies::<Stock>(entries, Section::Stock)?;
    let mut variants = bodies::<Variant>(entries, Section::Variant)?;
    variants.sort_by(|a, b| a.variant_id.cmp(&b.variant_id));
    let brand_id = Uuid::parse_str(&product.brand_id).ok();
    let mut category_ids: Vec<Uuid> = product
        .category_ids
        .iter()
        .filter_map(|id| Uuid::parse_str(id).ok())
        .flat_map(|id| shared.line(id))
        .collect();
    category_ids.sort_unstable();
    category_ids.dedup();
    let common = attributes(&product.tier2_attributes);
    let own = variants.iter().flat_map(|variant| &variant.tier2_attributes);
    let tier1 = variants.iter().filter_map(|variant| variant.tier1_attributes.as_ref());
    // A text that several variants have is searched once, or their number would raise the rank.
    let texts: BTreeSet<&str> = product
        .tier2_attributes
        .iter()
        .chain(own)
        .flat_map(|value| shared.searched(value))
        .chain(tier1.flat_map(tier1_texts).map(|(_, text)| text))
        .collect();
    let attribute_texts = texts.into_iter().map(str::to_owned).collect();
    Ok(Some(Document {
        product_id,
        revision,
        brand: brand_id.and_then(|id| shared.brands.get(&id)).cloned().unwrap_or_default(),
        brand_id,
        category_ids,
        created_at: time(product.create_time.as_ref()).unwrap_or(DateTime::UNIX_EPOCH),
        priced_at: now,
        variants: variants
            .iter()
            .map(|variant| VariantDocument {
                in_stock: in_stock(variant, &stock, shared),
                ..variant_document(variant, &common, &prices)
            })
            .collect(),
        is_tracked: !stock.is_empty(),
        title: product.title,
        description: product.description,
        attribute_texts,
    }))
}

fn bodies<M: Message + Default>(entries: &[Entry], section: Section) -> Result<Vec<M>, Fault> {
    entries
        .iter()
        .filter(|entry| entry.section == section)
        .filter_map(|entry| entry.body.as_deref())
        .map(|body| {
            M::decode(body).map_err(|error| Fault::internal(error).context("read an entry"))
        })
        .collect()
}

fn variant_document(variant: &Variant, common: &[Attribute], prices: &[Price]) -> VariantDocument {
    let own = attributes(&variant.tier2_attributes);
    // A variant's value of an attribute replaces its product's.
    let inherited = common.iter().filter(|inherited| {
        !own.iter().any(|o| o.code == inherited.code && o.value.kind() == inherited.value.kind())
    });
    let mut attributes = tier1(variant.tier1_attributes.as_ref());
    attributes.extend(inherited.cloned());
    attributes.extend(own.iter().cloned());
    VariantDocument {
        variant_id: Uuid::parse_str(&variant.variant_id).unwrap_or_default(),
        sku: variant.sku.clone(),
        attributes,
        prices: prices
            .iter()
            .filter(|price| price.variant_id.is_empty() || price.variant_id == variant.variant_id)
            .filter_map(price_row)
            .collect(),
        in_stock: Vec::new(),
    }
}

/// The warehouses that ship and have units of a variant to sell.
fn in_stock(variant: &Variant, stock: &[Stock], shared: &Shared) -> Vec<String> {
    let own = stock.iter().filter(|level| level.variant_id == variant.variant_id);
    let levels = own.filter_map(StockLevel::of);
    let for_sale = levels
        .filter(|level| level.is_in_stock() && shared.warehouses.contains(&level.warehouse_id));
    for_sale.map(|level| level.warehouse_id.to_string()).collect()
}

/// A price as the selection sees it; none for prices of single customers and groups, which search does not know.
pub fn price_row(price: &Price) -> Option<PriceRow<String>> {
    let scope = price.scope.clone().unwrap_or_default();
    let PriceScope { warehouse_id, channel, country, customer_group, customer_id } = scope;
    if !customer_group.is_empty() || !customer_id.is_empty() {
        return None;
    }
    let named = |text: String| (!text.is_empty()).then_some(text);
    let base = price.base.as_ref()?;
    Some(PriceRow {
        id: Uuid::parse_str(&price.price_id).ok()?,
        level: if price.variant_id.is_empty() { Level::Product } else { Level::Sku },
        currency: Currency::parse(&base.currency_code).ok()?,
        scope: Scope {
            customer: None,
            group: None,
            warehouse: named(warehouse_id),
            channel: named(channel).map(|channel| fold(&channel)),
            country: named(country),
        },
        window: Window::try_new(time(price.from.as_ref()), time(price.until.as_ref())).ok()?,
        base: base.minor_units(),
        sale: price.sale.as_ref().map(|sale| sale.minor_units()),
    })
}

fn time(at: Option<&prost_types::Timestamp>) -> Option<DateTime<Utc>> {
    let at = at?;
    DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)
}

fn attributes(messages: &[AttributeMessage]) -> Vec<Attribute> {
    messages
        .iter()
        .flat_map(|message| {
            values(message).into_iter().map(|value| Attribute { code: message.code.clone(), value })
        })
        .collect()
}

/// Localized texts and JSON are no values to filter by.
fn values(message: &AttributeMessage) -> Vec<AttributeValue> {
    match &message.value {
        Some(Value::Text(text)) => vec![AttributeValue::Text(text.clone())],
        Some(Value::Number(number)) => vec![AttributeValue::Number(*number)],
        Some(Value::Boolean(yes)) => vec![AttributeValue::Bool(*yes)],
        Some(Value::Date(day)) => NaiveDate::parse_from_str(day, "%Y-%m-%d")
            .ok()
            .map(AttributeValue::Date)
            .into_iter()
            .collect(),
        Some(Value::Texts(texts)) => {
            texts.values.iter().cloned().map(AttributeValue::Text).collect()
        }
        Some(Value::Money(money)) => Currency::parse(&money.currency_code)
            .map(|currency| AttributeValue::Money { currency, minor_units: money.minor_units() })
            .into_iter()
            .collect(),
        Some(Value::Localized(_) | Value::Json(_)) | None => Vec::new(),
    }
}

/// The texts of the first tier that are there, with their codes.
fn tier1_texts(tier1: &Tier1Attributes) -> impl Iterator<Item = (&'static str, &str)> {
    let Tier1Attributes { color, size, material, gender, age_group, weight_grams: _ } = tier1;
    let texts = TIER1_TEXTS.into_iter().zip([color, size, material, gender, age_group]);
    texts.map(|(code, text)| (code, text.as_str())).filter(|(_, text)| !text.is_empty())
}

fn tier1(tier1: Option<&Tier1Attributes>) -> Vec<Attribute> {
    let Some(tier1) = tier1 else { return Vec::new() };
    let texts = tier1_texts(tier1).map(|(code, text)| Attribute {
        code: code.into(),
        value: AttributeValue::Text(text.to_owned()),
    });
    let mut found: Vec<Attribute> = texts.collect();
    if let Some(grams) = i32::try_from(tier1.weight_grams).ok().filter(|grams| *grams > 0) {
        let value = AttributeValue::Number(f64::from(grams));
        found.push(Attribute { code: TIER1_NUMBER.into(), value });
    }
    found
}
