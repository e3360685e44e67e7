//! Between the wire and the engine.

use crate::domain::shared::Shared;
use crate::engine::document::{AttributeKind, AttributeValue};
use crate::engine::hits::{FacetCounts, FacetValue as Counted};
use crate::engine::query::{
    AttributeCondition, AttributeFilter, Facet, FacetRequest, Filters, MAX_OFFSET, PriceRange,
    PriceScope, Query, Sort,
};
use chrono::{DateTime, NaiveDate, Utc};
use contracts::search::v1::attribute_term::Value as Term;
use contracts::search::v1::facet_request::Facet as SaidFacet;
use contracts::search::v1::{self as wire, Reason, TermKind};
use fault::{Common, Fault};
use kernel::currency::Currency;
use mesh::Paging;
use uuid::Uuid;

/// The search that a request asks for, from `offset` on.
pub fn query(
    request: &wire::SearchProductsRequest,
    offset: usize,
    at: DateTime<Utc>,
    shared: &Shared,
) -> Result<Query, Fault> {
    if offset > MAX_OFFSET {
        let message = "nothing is served behind the 10,000th result; narrow the search";
        return Err(Fault::field(Reason::PageTooDeep, "page_token", message));
    }
    let query = Query {
        text: request.query.clone(),
        filters: filters(request.filters.as_ref(), shared)?,
        pricing: pricing(request.price_view.as_ref())?,
        at,
        facets: facets(&request.facets, shared)?,
        sort: sort(request.sort()),
        offset,
        limit: Paging::size(request.page_size)?.get().into(),
    };
    if query.asks_price() && query.pricing.currency.is_none() {
        let message = "is needed to filter, count or sort by price";
        return Err(Fault::field(Reason::CurrencyRequired, "price_view", message));
    }
    Ok(query)
}

fn pricing(view: Option<&wire::PriceView>) -> Result<PriceScope, Fault> {
    let Some(view) = view else { return Ok(PriceScope::default()) };
    let currency = Currency::parse(&view.currency_code).map_err(|error| {
        let path = "price_view.currency_code";
        Fault::field(Common::UnknownCurrency, path, "is no active ISO 4217 code").because(error)
    })?;
    let named = |text: &String| (!text.is_empty()).then(|| text.clone());
    Ok(PriceScope {
        currency: Some(currency),
        warehouse: named(&view.warehouse_id),
        channel: named(&view.channel),
        country: named(&view.country),
    })
}

fn sort(sort: wire::Sort) -> Sort {
    match sort {
        wire::Sort::Unspecified | wire::Sort::Relevance => Sort::Relevance,
        wire::Sort::PriceAscending => Sort::PriceAscending,
        wire::Sort::PriceDescending => Sort::PriceDescending,
        wire::Sort::Newest => Sort::Newest,
    }
}

fn filters(said: Option<&wire::Filters>, shared: &Shared) -> Result<Filters, Fault> {
    let Some(said) = said else { return Ok(Filters::default()) };
    let price = said.price.as_ref().map(|range| price_range(range, "filters.price")).transpose()?;
    let attributes = said.attributes.iter().enumerate().map(|(index, filter)| {
        attribute_filter(filter, &format!("filters.attributes[{index}]"), shared)
    });
    Ok(Filters {
        category_ids: uuids(&said.category_ids),
        brand_ids: uuids(&said.brand_ids),
        price,
        attributes: attributes.collect::<Result<_, Fault>>()?,
    })
}

/// The contract has checked that they are UUIDs.
fn uuids(texts: &[String]) -> Vec<Uuid> {
    texts.iter().filter_map(|text| Uuid::parse_str(text).ok()).collect()
}

fn price_range(range: &wire::PriceRange, path: &str) -> Result<PriceRange, Fault> {
    let (min, max) = (range.min_minor_units, range.max_minor_units);
    if max.is_some_and(|max| max < min) {
        return Err(Fault::field(Reason::FilterInvalid, path, "begins above its end"));
    }
    Ok(PriceRange { min_minor: (min > 0).then_some(min), max_minor: max })
}

fn attribute_filter(
    filter: &wire::AttributeFilter,
    path: &str,
    shared: &Shared,
) -> Result<AttributeFilter, Fault> {
    let refuse = |message: &str| Err(Fault::field(Reason::FilterInvalid, path, message));
    let values: Result<Vec<AttributeValue>, Fault> = filter
        .values
        .iter()
        .enumerate()
        .map(|(index, term)| term_value(term, &format!("{path}.values[{index}]")))
        .collect();
    let values = values?;
    let condition = match (values.first(), filter.range) {
        (None, None) => return refuse("needs values or a range"),
        (Some(_), Some(_)) => return refuse("has values and a range; give one of them"),
        (Some(first), None) => {
            if values.iter().any(|value| value.kind() != first.kind()) {
                return refuse("has values of several kinds");
            }
            AttributeCondition::AnyOf(values)
        }
        (None, Some(range)) => {
            if range.min.zip(range.max).is_some_and(|(min, max)| max < min) {
                return refuse("has a range that begins above its end");
            }
            AttributeCondition::NumberBetween { min: range.min, max: range.max }
        }
    };
    let filter = AttributeFilter { code: filter.code.clone(), condition };
    match filter.kind() {
        Some(kind) if shared.may_filter(&filter.code, kind) => Ok(filter),
        _ => Err(not_searchable(&filter.code, path, "filter by it")),
    }
}

fn not_searchable(code: &str, path: &str, what: &str) -> Fault {
    let message =
        format!("the attribute {code} of this kind is not defined so that search may {what}");
    Fault::field(Reason::AttributeNotSearchable, path, message).with("code", code)
}

fn term_value(term: &wire::AttributeTerm, path: &str) -> Result<AttributeValue, Fault> {
    Ok(match &term.value {
        Some(Term::Text(text)) => AttributeValue::Text(text.clone()),
        Some(Term::Number(number)) => AttributeValue::Number(*number),
        Some(Term::Boolean(yes)) => AttributeValue::Bool(*yes),
        Some(Term::Date(day)) => {
            let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").map_err(|error| {
                Fault::field(Reason::FilterInvalid, path, "is no day of the calendar")
                    .because(error)
            })?;
            AttributeValue::Date(day)
        }
        None => return Err(Fault::field(Common::InvalidField, path, "needs a value")),
    })
}

fn facets(said: &[wire::FacetRequest], shared: &Shared) -> Result<Vec<FacetRequest>, Fault> {
    let facet = |(index, request): (usize, &wire::FacetRequest)| {
        let path = format!("facets[{index}]");
        let facet = match &request.facet {
            Some(SaidFacet::Brand(_)) => Facet::Brand,
            Some(SaidFacet::Category(_)) => Facet::Category,
            Some(SaidFacet::Price(price)) => {
                let ranges =
                    price.ranges.iter().enumerate().map(|(at, range)| {
                        price_range(range, &format!("{path}.price.ranges[{at}]"))
                    });
                Facet::Price(ranges.collect::<Result<_, Fault>>()?)
            }
            Some(SaidFacet::Attribute(attribute)) => {
                let kind = match attribute.kind() {
                    TermKind::Number => AttributeKind::Number,
                    TermKind::Bool => AttributeKind::Bool,
                    TermKind::Date => AttributeKind::Date,
                    TermKind::Text | TermKind::Unspecified => AttributeKind::Text,
                };
                if !shared.may_count(&attribute.code, kind) {
                    let path = format!("{path}.attribute");
                    return Err(not_searchable(&attribute.code, &path, "count it"));
                }
                Facet::Attribute { code: attribute.code.clone(), kind }
            }
            None => return Err(Fault::field(Common::InvalidField, path, "needs a facet")),
        };
        Ok(FacetRequest { facet, size: Paging::size(request.size)?.get().into() })
    };
    said.iter().enumerate().map(facet).collect()
}

/// What was counted, as callers see it.
pub fn facet(counts: FacetCounts, shared: &Shared) -> wire::Facet {
    let value = |count: crate::engine::hits::FacetCount| {
        let (value, name) = match count.value {
            Counted::Brand { brand_id, name } => (brand_id.to_string(), name),
            Counted::Category(id) => {
                (id.to_string(), shared.categories.get(&id).cloned().unwrap_or_default())
            }
            Counted::Price(range) => (bounds(&range), String::new()),
            Counted::Attribute(value) => (text(&value), String::new()),
        };
        wire::FacetValue { value, name, count: signed(count.count), selected: count.selected }
    };
    wire::Facet {
        values: counts.values.into_iter().map(value).collect(),
        other_count: signed(counts.other_count),
    }
}

/// A range is named by its bounds: one that a filter selects is counted though no facet asked for it.
fn bounds(range: &PriceRange) -> String {
    let most = range.max_minor.map(|most| most.to_string()).unwrap_or_default();
    format!("{}-{most}", range.min_minor.unwrap_or_default())
}

/// Counts on the wire are int64, as every number there.
pub fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Number(number) => number.to_string(),
        AttributeValue::Bool(yes) => yes.to_string(),
        AttributeValue::Date(day) => day.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::Fault;

    #[test]
    fn nothing_is_served_behind_the_deepest_page() {
        let ask = |offset| {
            let request = wire::SearchProductsRequest::default();
            query(&request, offset, Utc::now(), &Shared::default())
        };
        assert_eq!(ask(MAX_OFFSET).unwrap().offset, MAX_OFFSET);
        let refused: Fault = ask(MAX_OFFSET + 1).unwrap_err();
        assert_eq!(refused.reason(), "PAGE_TOO_DEEP");
        assert_eq!(refused.violations()[0].field, "page_token");
    }
}
