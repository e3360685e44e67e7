//! The icecat data set in `SOUK_DATA` as rows to import: real titles, brands, attributes and prices.

use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{AttributeValue, ImportRow, VariantDraft};
use contracts::types::v1::Money;
use pricing_api::v1::item::Name;
use pricing_api::v1::{Item, PriceDraft};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Number of products in the data set.
pub const PRODUCTS: usize = 19_406;

/// The data folder; prints why if there is none.
#[expect(clippy::print_stderr, reason = "a skipped test must say why")]
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("SOUK_DATA").map(PathBuf::from)?.join("icecat");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: SOUK_DATA names no folder with icecat data");
    None
}

/// Every product with its price, in the order of the files.
pub fn read(folder: &Path) -> Vec<(ImportRow, PriceDraft)> {
    (1..=4).flat_map(|number| file(&folder.join(format!("{number}.json.zip")))).collect()
}

fn file(path: &Path) -> Vec<(ImportRow, PriceDraft)> {
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let products: Vec<Map<String, Json>> =
        serde_json::from_reader(archive.by_index(0).unwrap()).unwrap();
    products.iter().map(row).collect()
}

fn row(product: &Map<String, Json>) -> (ImportRow, PriceDraft) {
    let text = |name: &str| product.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let sku = format!("icecat-{}", text("id"));
    let row = ImportRow {
        key: sku.clone(),
        title: text("title"),
        description: format!("{} {}", text("name"), text("short_description")).trim().to_owned(),
        brand: text("supplier"),
        tier2_attributes: product
            .iter()
            .filter_map(|(name, value)| attribute(name, value))
            .collect(),
        variants: vec![VariantDraft { sku: sku.clone(), ..VariantDraft::default() }],
        ..ImportRow::default()
    };
    let price = PriceDraft {
        item: Some(Item { name: Some(Name::Sku(sku)) }),
        base: Some(Money {
            currency_code: "USD".to_owned(),
            minor_units: Some(product.get("price").and_then(Json::as_i64).unwrap_or_default()),
        }),
        ..PriceDraft::default()
    };
    (row, price)
}

/// Parses an attribute: `attr_n_weight: 12.0` is the number `weight`.
fn attribute(name: &str, value: &Json) -> Option<AttributeValue> {
    let (kind, code) = name.strip_prefix("attr_")?.split_once('_')?;
    let value = match kind {
        "t" => Value::Text(value.as_str()?.to_owned()),
        "n" => Value::Number(value.as_f64()?),
        "b" => Value::Boolean(value.as_bool().or_else(|| value.as_str()?.parse().ok())?),
        _ => return None,
    };
    Some(AttributeValue { code: code.to_owned(), value: Some(value) })
}

/// Human relevance grades of products by query, without queries that have no relevant product.
pub fn judgments(folder: &Path) -> BTreeMap<String, BTreeMap<String, u32>> {
    let text = std::fs::read_to_string(folder.join("judgments.csv")).unwrap();
    let mut judged: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut parts = line.rsplitn(3, ',');
        let (grade, id) = (parts.next().unwrap(), parts.next().unwrap());
        let query = parts.next().unwrap().trim_matches('"').to_owned();
        judged
            .entry(query)
            .or_default()
            .insert(format!("icecat-{id}"), grade.trim().parse().unwrap());
    }
    judged.retain(|_, grades| grades.values().any(|grade| *grade > 0));
    judged
}
