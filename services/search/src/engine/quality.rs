//! How well the engine finds things, measured with people's judgments on a real catalogue (see
//! the README of the data). Skipped, with a printed reason, where `SOUK_DATA` names no data.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use chrono::{DateTime, Utc};
use kernel::currency::Currency;
use kernel::price::{Level, PriceRow, Scope};
use kernel::window::Window;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::document::{Attribute, AttributeKind, AttributeValue, Document, VariantDocument};
use super::embedded::EmbeddedEngine;
use super::query::{Facet, FacetRequest, PriceScope, Query};
use super::{Change, Checkpoint, Engine};

/// Reference points on the same data: OpenSearch 0.726 with this stemmer, 0.692 without one.
const LEAST_NDCG: f64 = 0.70;
const JUDGED_QUERIES: usize = 45;
const TOP: usize = 10;

#[test]
fn finds_what_people_judged_relevant() {
    let Some(data) = std::env::var_os("SOUK_DATA").map(|data| PathBuf::from(data).join("icecat"))
    else {
        println!("skipped: SOUK_DATA names no folder with the sample data");
        return;
    };
    if !data.join("judgments.csv").exists() {
        println!("skipped: no icecat catalogue in {}", data.display());
        return;
    }
    let (directory, engine, documents) = indexed_catalogue(&data);

    let grades = judgments(&data);
    let mut sum = 0.0;
    for (query, grades) in &grades {
        let found = engine.query(&Query { limit: TOP, ..worded(query) }).unwrap();
        let gains = found
            .hits
            .iter()
            .map(|hit| grades.get(&hit.product_id.as_u128()).map_or(0.0, |grade| gain(*grade)));
        let mut ideal: Vec<f64> = grades.values().map(|grade| gain(*grade)).collect();
        ideal.sort_by(|left, right| right.total_cmp(left));
        sum += discounted(gains) / discounted(ideal.into_iter().take(TOP));
    }
    let ndcg = sum / grades.len() as f64;
    println!("nDCG@{TOP} {ndcg:.4} over {} queries, {documents} documents", grades.len());

    let facets = ["attr_t_product_colour", "attr_t_form_factor", "attr_t_product_type"]
        .map(|code| Facet::Attribute { code: code[7..].to_owned(), kind: AttributeKind::Text })
        .into_iter()
        .chain([Facet::Brand, Facet::Price(Vec::new())])
        .chain([Facet::Attribute { code: "weight".to_owned(), kind: AttributeKind::Number }]);
    let facets: Vec<FacetRequest> = facets.map(|facet| FacetRequest { facet, size: 20 }).collect();
    let words: Vec<&str> = grades.keys().map(String::as_str).collect();
    time("top 20", &engine, words.iter().map(|words| worded(words)));
    let with_facets = |words: &&str| Query { facets: facets.clone(), ..worded(words) };
    time("top 20, 6 facets", &engine, words.iter().map(with_facets));
    time("everything, 6 facets", &engine, [with_facets(&"")].into_iter());
    drop(engine);
    fs::remove_dir_all(directory).unwrap();

    assert_eq!(grades.len(), JUDGED_QUERIES);
    assert!(ndcg >= LEAST_NDCG, "nDCG@{TOP} fell to {ndcg:.4}");
}

fn worded(text: &str) -> Query {
    let currency = Currency::parse("USD").ok();
    let pricing = PriceScope { currency, ..PriceScope::default() };
    Query { text: text.to_owned(), pricing, ..Query::everything(Utc::now()) }
}

fn gain(grade: i32) -> f64 {
    f64::from(2_i32.pow(grade.unsigned_abs()) - 1)
}

fn discounted(gains: impl Iterator<Item = f64>) -> f64 {
    gains.enumerate().map(|(place, gain)| gain / (place as f64 + 2.0).log2()).sum()
}

fn time(what: &str, engine: &EmbeddedEngine, queries: impl Iterator<Item = Query>) {
    let mut micros: Vec<u128> = Vec::new();
    let mut hits = 0;
    for query in queries {
        for _ in 0..20 {
            let begun = Instant::now();
            hits += engine.query(&query).unwrap().total;
            micros.push(begun.elapsed().as_micros());
        }
    }
    micros.sort_unstable();
    let at = |percent: usize| micros[(micros.len() - 1) * percent / 100];
    println!(
        "{what}: median {} us, P95 {} us, {} hits on average",
        at(50),
        at(95),
        hits / micros.len() as u64
    );
}

fn indexed_catalogue(data: &Path) -> (PathBuf, EmbeddedEngine, u64) {
    let documents = (1..=4).flat_map(|part| products(&data.join(format!("{part}.json.zip"))));
    let changes: Vec<Change> = documents.map(|document| Change::Put(Box::new(document))).collect();
    let directory = std::env::temp_dir().join(format!("souk-quality-{}", std::process::id()));
    let engine = EmbeddedEngine::open(&directory).unwrap();
    let updates = changes[..200].to_vec();
    let begun = Instant::now();
    engine.index(changes, Checkpoint { revision: 1, epoch: 1 }).unwrap();
    let stats = engine.stats().unwrap();
    println!(
        "indexed {} documents in {:?}, {} bytes",
        stats.documents,
        begun.elapsed(),
        stats.bytes
    );
    let mut times = Vec::new();
    for _ in 0..5 {
        for batch in updates.chunks(20) {
            let begun = Instant::now();
            engine.index(batch.to_vec(), Checkpoint { revision: 2, epoch: 1 }).unwrap();
            times.push(begun.elapsed());
        }
    }
    times.sort_unstable();
    println!("20 updates, visible: median {:?}, P95 {:?}", times[25], times[47]);
    (directory, engine, stats.documents)
}

fn judgments(data: &Path) -> BTreeMap<String, HashMap<u128, i32>> {
    let mut judgments: BTreeMap<String, HashMap<u128, i32>> = BTreeMap::new();
    let csv = fs::read_to_string(data.join("judgments.csv")).unwrap();
    for line in csv.lines().skip(1) {
        let [query, product, grade] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let grades = judgments.entry(query.to_owned()).or_default();
        grades.insert(product.parse().unwrap(), grade.parse().unwrap());
    }
    judgments.retain(|_, grades| grades.values().any(|grade| *grade > 0));
    judgments
}

fn products(zip: &Path) -> Vec<Document> {
    let mut archive = zip::ZipArchive::new(File::open(zip).unwrap()).unwrap();
    let mut json = String::new();
    archive.by_index(0).unwrap().read_to_string(&mut json).unwrap();
    let products: Vec<Map<String, Value>> = serde_json::from_str(&json).unwrap();
    products.iter().map(product).collect()
}

fn product(json: &Map<String, Value>) -> Document {
    let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let product_id = Uuid::from_u128(text("id").parse().unwrap());
    let brand = text("supplier");
    let brand_key = brand.bytes().fold(0, |key: u128, byte| key * 31 + u128::from(byte));
    let price = json.get("price").and_then(Value::as_i64).map(|base| PriceRow {
        id: product_id,
        level: Level::Sku,
        currency: Currency::parse("USD").unwrap(),
        scope: Scope::UNSCOPED,
        window: Window::ALWAYS,
        base,
        sale: None,
    });
    let attributes = json.iter().filter_map(|(key, value)| {
        let (kind, code) = key.strip_prefix("attr_")?.split_once('_')?;
        let value = match kind {
            "t" => AttributeValue::Text(value.as_str()?.to_owned()),
            "n" => AttributeValue::Number(value.as_f64()?),
            _ => AttributeValue::Bool(value.as_bool()?),
        };
        Some(Attribute { code: code.to_owned(), value })
    });
    Document {
        product_id,
        revision: 1,
        title: text("title"),
        description: text("short_description"),
        brand_id: Some(Uuid::from_u128(brand_key)),
        brand,
        category_ids: Vec::new(),
        created_at: DateTime::UNIX_EPOCH,
        priced_at: Utc::now(),
        variants: vec![VariantDocument {
            variant_id: product_id,
            sku: text("name"),
            attributes: attributes.collect(),
            prices: price.into_iter().collect(),
        }],
    }
}
