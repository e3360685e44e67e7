//! A reference model: filters, facets and prices evaluated naively over a list of documents, to compare
//! engines with.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use kernel::price::{PriceContext, select};
use uuid::Uuid;

use crate::engine::document::{AttributeValue, Document, VariantDocument};
use crate::engine::hits::{FacetCount, FacetCounts, FacetValue};
use crate::engine::query::{AttributeCondition, Facet, FacetRequest, Query, Sort};

/// What an engine must answer.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub total: u64,
    pub widened: bool,
    pub hits: Vec<(Uuid, Option<Uuid>, Option<i64>)>,
    pub facets: Vec<FacetCounts>,
}

/// A filter that a facet may have to leave out.
#[derive(Clone, Copy, PartialEq)]
enum Filter {
    Category,
    Brand,
    Price,
    Stock,
    Attribute(usize),
}

/// Answers a query whose order is not by relevance, or that has no words: the page behind so many hits.
pub fn answer<'a>(
    documents: impl Iterator<Item = &'a Document> + Clone,
    query: &Query,
    served: usize,
) -> Answer {
    let as_wide =
        |widest: u8| documents.clone().filter(move |document| breadth(document, query) <= widest);
    let hits_of = |widest| {
        let found = as_wide(widest).filter_map(|document| Some((document, hit(document, query)?)));
        found
            .map(|(document, hit)| ((breadth(document, query), order(document, &hit, query)), hit))
            .collect::<Vec<_>>()
    };
    let widest = (WHOLE..HALF).find(|widest| hits_of(*widest).len() >= 10).unwrap_or(HALF);
    let found = as_wide(widest);
    let mut hits = hits_of(widest);
    hits.sort_by_key(|(order, _)| *order);
    Answer {
        total: hits.len() as u64,
        widened: hits.iter().any(|((breadth, _), _)| *breadth == HALF),
        hits: hits
            .into_iter()
            .skip(served)
            .take(query.limit)
            .map(|(_, hit)| (hit.product_id, hit.variant_id, hit.amount))
            .collect(),
        facets: query.facets.iter().map(|request| count(found.clone(), query, request)).collect(),
    }
}

/// How a document has the words: all of them, all at least as beginnings, half of them so; or not even that.
fn breadth(document: &Document, query: &Query) -> u8 {
    let own = || document.title.split_whitespace();
    let words: Vec<&str> = query.text.split_whitespace().collect();
    let begun = words.iter().filter(|word| own().any(|own| own.starts_with(*word))).count();
    if words.iter().all(|word| own().any(|own| own == *word)) {
        WHOLE
    } else if begun == words.len() {
        BEGUN
    } else if begun >= words.len().div_ceil(2) {
        HALF
    } else {
        NOT
    }
}

const WHOLE: u8 = 0;
const BEGUN: u8 = 1;
const HALF: u8 = 2;
const NOT: u8 = 3;

struct Found {
    product_id: Uuid,
    variant_id: Option<Uuid>,
    amount: Option<i64>,
}

fn hit(document: &Document, query: &Query) -> Option<Found> {
    let variants = matching(document, query, None)?;
    let priced = variants.iter().filter_map(|variant| Some((amount(variant, query)?, *variant)));
    let cheapest = priced.min_by_key(|(amount, _)| *amount);
    let shown = cheapest.map(|(_, variant)| variant).or(variants.first().copied());
    Some(Found {
        product_id: document.product_id,
        variant_id: shown.map(|variant| variant.variant_id),
        amount: cheapest.map(|(amount, _)| amount),
    })
}

/// Sold-out products come last by relevance, products without a price by price.
fn order(document: &Document, hit: &Found, query: &Query) -> (bool, i64, Uuid) {
    let sold_out = || {
        document.is_tracked && !document.variants.iter().any(|variant| is_in_stock(variant, query))
    };
    let (is_last, key) = match query.sort {
        Sort::Relevance => (sold_out(), 0),
        Sort::PriceAscending => (hit.amount.is_none(), hit.amount.unwrap_or_default()),
        Sort::PriceDescending => (hit.amount.is_none(), -hit.amount.unwrap_or_default()),
        Sort::Newest => (false, -document.created_at.timestamp_micros()),
    };
    (is_last, key, document.product_id)
}

/// The variants that pass all filters but those of a facet; `None` if the product does not match,
/// nothing in it if it matches without variants.
fn matching<'a>(
    document: &'a Document,
    query: &Query,
    without: Option<&Facet>,
) -> Option<Vec<&'a VariantDocument>> {
    let filters = &query.filters;
    let is_left_out = |filter| without.is_some_and(|facet| owns(facet, filter, query));
    let in_category = filters.category_ids.is_empty()
        || filters.category_ids.iter().any(|id| document.category_ids.contains(id));
    let of_brand = filters.brand_ids.is_empty()
        || document.brand_id.is_some_and(|id| filters.brand_ids.contains(&id));
    if !(in_category || is_left_out(Filter::Category)) || !(of_brand || is_left_out(Filter::Brand))
    {
        return None;
    }
    let by_attributes =
        (0..filters.attributes.len()).filter(|at| !is_left_out(Filter::Attribute(*at)));
    let by_price = filters.price.filter(|_| !is_left_out(Filter::Price));
    let by_stock = filters.in_stock.filter(|_| !is_left_out(Filter::Stock));
    let mut variants = document.variants.iter().collect::<Vec<_>>();
    if variants.is_empty() {
        let passes = by_stock.is_none_or(|wanted| document.is_tracked && !wanted);
        return (by_price.is_none() && by_attributes.count() == 0 && passes).then_some(variants);
    }
    for at in by_attributes {
        let filter = &filters.attributes[at];
        variants.retain(|variant| {
            let values = variant.attributes.iter().filter(|it| it.code == filter.code);
            values.into_iter().any(|it| passes(&it.value, &filter.condition))
        });
    }
    if let Some(range) = by_price {
        variants.retain(|variant| amount(variant, query).is_some_and(|it| range.contains(it)));
    }
    if let Some(wanted) = by_stock {
        variants.retain(|variant| document.is_tracked && is_in_stock(variant, query) == wanted);
    }
    (!variants.is_empty()).then_some(variants)
}

fn is_in_stock(variant: &VariantDocument, query: &Query) -> bool {
    match &query.warehouse {
        Some(name) => variant.in_stock.contains(name),
        None => !variant.in_stock.is_empty(),
    }
}

fn owns(facet: &Facet, filter: Filter, query: &Query) -> bool {
    match (facet, filter) {
        (Facet::Category, filter) => filter == Filter::Category,
        (Facet::Brand, filter) => filter == Filter::Brand,
        (Facet::Price(_), filter) => filter == Filter::Price,
        (Facet::InStock, filter) => filter == Filter::Stock,
        (Facet::Attribute { code, kind }, Filter::Attribute(at)) => {
            let filter = &query.filters.attributes[at];
            filter.code == *code && filter.kind() == Some(*kind)
        }
        _ => false,
    }
}

fn passes(value: &AttributeValue, condition: &AttributeCondition) -> bool {
    match (condition, value) {
        (AttributeCondition::AnyOf(values), value) => values.contains(value),
        (AttributeCondition::NumberBetween { min, max }, AttributeValue::Number(number)) => {
            min.is_none_or(|min| min <= *number) && max.is_none_or(|max| *number <= max)
        }
        (AttributeCondition::DateBetween { min, max }, AttributeValue::Date(date)) => {
            min.is_none_or(|min| min <= *date) && max.is_none_or(|max| *date <= max)
        }
        (
            AttributeCondition::MoneyBetween { currency: wanted, min, max },
            AttributeValue::Money { currency, minor_units: amount },
        ) => {
            wanted == currency
                && min.is_none_or(|min| min <= *amount)
                && max.is_none_or(|max| *amount <= max)
        }
        _ => false,
    }
}

fn amount(variant: &VariantDocument, query: &Query) -> Option<i64> {
    let context = PriceContext {
        warehouse: query.pricing.warehouse.as_ref(),
        channel: query.pricing.channel.as_ref(),
        country: query.pricing.country.as_ref(),
        ..PriceContext::new(query.pricing.currency?, query.at)
    };
    select(&variant.prices, &context).map(|row| row.amount())
}

fn count<'a>(
    documents: impl Iterator<Item = &'a Document>,
    query: &Query,
    request: &FacetRequest,
) -> FacetCounts {
    let mut counts: BTreeMap<String, FacetCount> = BTreeMap::new();
    let mut amounts = BTreeSet::new();
    let selected = selected(query, &request.facet);
    for document in documents {
        let Some(variants) = matching(document, query, Some(&request.facet)) else { continue };
        amounts.extend(variants.iter().filter_map(|variant| amount(variant, query)));
        for (key, value) in values(document, &variants, query, &request.facet) {
            let selected = selected.iter().any(|(selected, _)| *selected == key);
            counts.entry(key).or_insert(FacetCount { value, count: 0, selected }).count += 1;
        }
    }
    for (key, value) in selected {
        counts.entry(key).or_insert(FacetCount { value, count: 0, selected: true });
    }
    let is_price = matches!(request.facet, Facet::Price(_));
    let mut sorted: Vec<(String, FacetCount)> = counts.into_iter().collect();
    if !is_price {
        sorted.sort_by_key(|(key, counted)| (Reverse(counted.count), key.clone()));
    }
    let size = if is_price { usize::MAX } else { request.size };
    let (returned, others): (Vec<_>, Vec<_>) = sorted
        .into_iter()
        .enumerate()
        .partition(|(place, (_, counted))| *place < size || counted.selected);
    FacetCounts {
        facet: request.facet.clone(),
        values: returned.into_iter().map(|(_, (_, counted))| counted).collect(),
        other_count: others.iter().map(|(_, (_, counted))| counted.count).sum(),
        price_bounds_minor: amounts
            .first()
            .zip(amounts.last())
            .filter(|_| is_price)
            .map(|(lowest, highest)| (*lowest, *highest)),
    }
}

/// The values under which a product counts, once each, by a text that sorts as they do.
fn values(
    document: &Document,
    variants: &[&VariantDocument],
    query: &Query,
    facet: &Facet,
) -> BTreeMap<String, FacetValue> {
    match facet {
        Facet::Category => document.category_ids.iter().map(|id| category(*id)).collect(),
        Facet::Brand => {
            document.brand_id.map(|id| brand(id, &document.brand)).into_iter().collect()
        }
        Facet::Price(ranges) => {
            let has = |range: &crate::engine::query::PriceRange| {
                let amounts = variants.iter().filter_map(|variant| amount(variant, query));
                amounts.into_iter().any(|amount| range.contains(amount))
            };
            let ranges = ranges.iter().enumerate().filter(|(_, range)| has(range));
            ranges.map(|(at, range)| (format!("{at}"), FacetValue::Price(*range))).collect()
        }
        Facet::InStock if !document.is_tracked => BTreeMap::new(),
        // A product without variants has none that is in stock.
        Facet::InStock if variants.is_empty() => BTreeMap::from([stock(false)]),
        Facet::InStock => {
            variants.iter().map(|variant| stock(is_in_stock(variant, query))).collect()
        }
        Facet::Attribute { code, kind } => variants
            .iter()
            .flat_map(|variant| &variant.attributes)
            .filter(|it| it.code == *code && it.value.kind() == *kind)
            .map(|it| attribute(&it.value))
            .collect(),
    }
}

fn selected(query: &Query, facet: &Facet) -> Vec<(String, FacetValue)> {
    let filters = &query.filters;
    match facet {
        Facet::Category => filters.category_ids.iter().map(|id| category(*id)).collect(),
        Facet::Brand => filters.brand_ids.iter().map(|id| brand(*id, "")).collect(),
        // Requested ranges are returned even at 0; the cases here filter by none of them.
        Facet::Price(_) => Vec::new(),
        Facet::InStock => filters.in_stock.map(stock).into_iter().collect(),
        Facet::Attribute { code, .. } => filters
            .attributes
            .iter()
            .filter(|filter| filter.code == *code)
            .flat_map(|filter| match &filter.condition {
                AttributeCondition::AnyOf(values) => values.clone(),
                _ => Vec::new(),
            })
            .map(|value| attribute(&value))
            .collect(),
    }
}

fn stock(in_stock: bool) -> (String, FacetValue) {
    (in_stock.to_string(), FacetValue::InStock(in_stock))
}

fn category(id: Uuid) -> (String, FacetValue) {
    (id.to_string(), FacetValue::Category(id))
}

/// The brands of the cases sort by id as they do by name.
fn brand(brand_id: Uuid, name: &str) -> (String, FacetValue) {
    (brand_id.to_string(), FacetValue::Brand { brand_id, name: name.to_owned() })
}

fn attribute(value: &AttributeValue) -> (String, FacetValue) {
    let key = match value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Number(number) => format!("{:020.3}", number + 1e9),
        AttributeValue::Bool(bool) => bool.to_string(),
        AttributeValue::Date(date) => date.to_string(),
        AttributeValue::Money { currency, minor_units } => {
            format!("{} {:020}", currency.code(), i128::from(*minor_units) + (1 << 64))
        }
    };
    (key, FacetValue::Attribute(value.clone()))
}
