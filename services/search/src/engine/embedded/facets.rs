//! From totals to the facets of the answer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::tally::Totals;
use super::terms;
use crate::engine::hits::{FacetCount, FacetCounts, FacetValue};
use crate::engine::query::{AttributeCondition, Facet, FacetRequest, Filters, PriceRange};

/// Most products first, then by value; what is selected stays whatever its place.
pub fn facet_counts(request: &FacetRequest, filters: &Filters, totals: Totals) -> FacetCounts {
    let facet = request.facet.clone();
    let (counted, size, price_bounds_minor) = match totals {
        Totals::Prices(totals) => {
            (counted_prices(&facet, totals.ranges, filters), usize::MAX, totals.bounds)
        }
        Totals::Stock(totals) => (counted_stock(totals, filters), request.size, None),
        Totals::Terms(totals) if facet == Facet::Brand => {
            (counted_brands(totals, &filters.brand_ids), request.size, None)
        }
        Totals::Terms(totals) => (counted_terms(&facet, totals, filters), request.size, None),
    };
    let (values, other_count) = first(counted, size);
    FacetCounts { facet, values, other_count, price_bounds_minor }
}

/// The first so many values and the selected ones, and the sum of the others' counts.
fn first(counted: Vec<FacetCount>, size: usize) -> (Vec<FacetCount>, u64) {
    let (mut returned, mut others) = (Vec::new(), 0);
    for (place, counted) in counted.into_iter().enumerate() {
        if place < size || counted.selected {
            returned.push(counted);
        } else {
            others += counted.count;
        }
    }
    (returned, others)
}

/// Terms of categories and attributes sort as their values do.
fn counted_terms(
    facet: &Facet,
    mut totals: HashMap<Vec<u8>, u64>,
    filters: &Filters,
) -> Vec<FacetCount> {
    let selected = selected_terms(facet, filters);
    for term in &selected {
        totals.entry(term.clone()).or_default();
    }
    let mut sorted: Vec<(Reverse<u64>, Vec<u8>)> =
        totals.into_iter().map(|(term, count)| (Reverse(count), term)).collect();
    sorted.sort_unstable();
    let counted = sorted.into_iter().filter_map(|(Reverse(count), term)| {
        let value = terms::facet_value(facet, &term)?;
        Some(FacetCount { value, count, selected: selected.contains(&term) })
    });
    counted.collect()
}

fn selected_terms(facet: &Facet, filters: &Filters) -> BTreeSet<Vec<u8>> {
    if *facet == Facet::Category {
        return filters.category_ids.iter().map(|id| terms::category(*id)).collect();
    }
    let own = filters.attributes.iter().filter(|filter| match facet {
        Facet::Attribute { code, kind } => filter.code == *code && filter.kind() == Some(*kind),
        _ => false,
    });
    let values = own.flat_map(|filter| match &filter.condition {
        AttributeCondition::AnyOf(values) => {
            values.iter().filter_map(|value| terms::attribute(&filter.code, value)).collect()
        }
        _ => Vec::new(),
    });
    values.collect()
}

/// While a brand is being renamed its products differ in its name. It is counted as one brand,
/// under the name that most of them have.
fn counted_brands(totals: HashMap<Vec<u8>, u64>, selected: &[Uuid]) -> Vec<FacetCount> {
    let mut brands: BTreeMap<Uuid, (u64, Reverse<u64>, String)> = BTreeMap::new();
    for (term, count) in totals {
        let Some(FacetValue::Brand { brand_id, name }) = terms::facet_value(&Facet::Brand, &term)
        else {
            continue;
        };
        let spelled = (Reverse(count), name);
        let (total, most, spelling) =
            brands.entry(brand_id).or_insert_with(|| (0, spelled.0, spelled.1.clone()));
        *total += count;
        if spelled < (*most, spelling.clone()) {
            (*most, *spelling) = spelled;
        }
    }
    for brand_id in selected {
        brands.entry(*brand_id).or_insert((0, Reverse(0), String::new()));
    }
    let mut sorted: Vec<(Reverse<u64>, String, Uuid)> = brands
        .into_iter()
        .map(|(brand_id, (count, _, name))| (Reverse(count), name, brand_id))
        .collect();
    sorted.sort_unstable();
    let counted = sorted.into_iter().map(|(Reverse(count), name, brand_id)| FacetCount {
        selected: selected.contains(&brand_id),
        value: FacetValue::Brand { brand_id, name },
        count,
    });
    counted.collect()
}

/// Out of stock comes before in stock where as many products are either.
fn counted_stock(totals: [u64; 2], filters: &Filters) -> Vec<FacetCount> {
    let mut counted: Vec<FacetCount> = [false, true]
        .into_iter()
        .zip(totals)
        .map(|(in_stock, count)| FacetCount {
            value: FacetValue::InStock(in_stock),
            count,
            selected: filters.in_stock == Some(in_stock),
        })
        .filter(|it| it.selected || it.count > 0)
        .collect();
    counted.sort_by_key(|it| Reverse(it.count));
    counted
}

/// Ranges stay in the requested order. Empty ranges of the ladder are left out, except selected
/// ones.
fn counted_prices(
    facet: &Facet,
    ranges: Vec<(PriceRange, u64)>,
    filters: &Filters,
) -> Vec<FacetCount> {
    let is_ladder = matches!(facet, Facet::Price(requested) if requested.is_empty());
    let counted = ranges.into_iter().map(|(range, count)| FacetCount {
        value: FacetValue::Price(range),
        count,
        selected: filters.price == Some(range),
    });
    counted.filter(|it| it.selected || it.count > 0 || !is_ladder).collect()
}
