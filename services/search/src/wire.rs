//! Between the wire and the engine.

pub mod cursor;
mod filters;
pub mod stock;

use crate::domain::shared::Shared;
use crate::engine::document::{AttributeKind, AttributeValue};
use crate::engine::hits::{FacetCounts, FacetValue as Counted};
use crate::engine::query::{
    After, Facet, FacetRequest, Filters, MAX_HITS, MAX_WORDS, PriceRange, PriceScope, Query, Sort,
    count_words,
};
use chrono::{DateTime, Utc};
use convert::{Fields, read};
use fault::{Common, Fault};
use filters::{filters, not_searchable, price_range};
use kernel::currency::Currency;
use kernel::name::fold;
use mesh::Paging;
use prost::Message;
use search_api::v1::facet_request::Facet as FacetOf;
use search_api::v1::{self as proto, Reason, TermKind};
use uuid::Uuid;

/// Most bytes of the values of a facet that no filter selects, so that the largest answer is one that clients take.
const MAX_FACET_BYTES: usize = 50 * 1024;

/// The search that a request asks for: `limit` results behind a place, fewer where the last one that is served comes before.
pub fn query(
    request: &proto::SearchProductsRequest,
    after: Option<After>,
    limit: usize,
    at: DateTime<Utc>,
    shared: &Shared,
) -> Result<Query, Fault> {
    read(|fields| {
        let words = count_words(&request.query);
        if words > MAX_WORDS {
            let message = format!("has {words} words; at most {MAX_WORDS} are searched");
            fields.note(Common::InvalidField, "query", message);
        }
        let filters = match &request.filters {
            Some(sent) => fields.within("filters", |fields| filters(fields, sent, shared)),
            None => Some(Filters::default()),
        };
        let pricing = match &request.price_view {
            Some(view) => fields.within("price_view", |fields| pricing(fields, view)),
            None => Some(PriceScope::default()),
        };
        let facets =
            fields.each("facets", &request.facets, |fields, sent| facet(fields, sent, shared));
        let mut query = Query {
            text: request.query.clone(),
            filters: filters?,
            warehouse: warehouse(request),
            pricing: pricing?,
            at,
            facets: facets?,
            sort: sort(request.sort()),
            after,
            limit,
        };
        if query.is_by_score() {
            let left = (MAX_HITS as u64).saturating_sub(query.served());
            if left == 0 {
                let message = "no result by relevance is served behind the 10,000th; narrow the search, or sort it by price or age";
                return fields.refuse(Reason::PageTooDeep, "page_token", message);
            }
            query.limit = limit.min(usize::try_from(left).unwrap_or(limit));
        }
        if query.asks_price() && query.pricing.currency.is_none() {
            let message = "is needed to filter, count or sort by price";
            return fields.refuse(Reason::CurrencyRequired, "price_view", message);
        }
        Some(query)
    })
}

fn pricing(fields: &mut Fields, view: &proto::PriceView) -> Option<PriceScope> {
    // As those of prices are kept.
    let named = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    Some(PriceScope {
        currency: Some(fields.currency("currency_code", &view.currency_code)?),
        warehouse: named(&view.warehouse_id),
        channel: named(&view.channel).map(|channel| fold(&channel)),
        country: named(&view.country),
    })
}

/// The warehouse whose stock counts, as entries name it; none: all that ship.
fn warehouse(request: &proto::SearchProductsRequest) -> Option<String> {
    let of_view = request.price_view.as_ref().map(|view| view.warehouse_id.trim());
    let named = Some(request.warehouse_id.as_str()).filter(|id| !id.is_empty());
    let named = named.or(of_view).filter(|id| !id.is_empty())?;
    Some(Uuid::parse_str(named).map_or_else(|_| named.to_owned(), |id| id.to_string()))
}

/// The prices that a search looked at; none without a currency.
pub fn applied(pricing: &PriceScope, at: DateTime<Utc>) -> Option<proto::AppliedPriceView> {
    Some(proto::AppliedPriceView {
        currency_code: pricing.currency?.code().to_owned(),
        warehouse_id: pricing.warehouse.clone().unwrap_or_default(),
        channel: pricing.channel.clone().unwrap_or_default(),
        country: pricing.country.clone().unwrap_or_default(),
        at: Some(convert::timestamp(at)),
    })
}

fn sort(sort: proto::Sort) -> Sort {
    match sort {
        proto::Sort::Unspecified | proto::Sort::Relevance => Sort::Relevance,
        proto::Sort::PriceAscending => Sort::PriceAscending,
        proto::Sort::PriceDescending => Sort::PriceDescending,
        proto::Sort::Newest => Sort::Newest,
    }
}

fn facet(fields: &mut Fields, sent: &proto::FacetRequest, shared: &Shared) -> Option<FacetRequest> {
    let facet = match &sent.facet {
        Some(FacetOf::Brand(_)) => Some(Facet::Brand),
        Some(FacetOf::Category(_)) => Some(Facet::Category),
        Some(FacetOf::InStock(_)) => Some(Facet::InStock),
        Some(FacetOf::Price(price)) => {
            let ranges =
                fields.within("price", |fields| fields.each("ranges", &price.ranges, price_range));
            ranges.map(Facet::Price)
        }
        Some(FacetOf::Attribute(attribute)) => {
            let kind = match attribute.kind() {
                TermKind::Number => AttributeKind::Number,
                TermKind::Bool => AttributeKind::Bool,
                TermKind::Date => AttributeKind::Date,
                TermKind::Text | TermKind::Unspecified => AttributeKind::Text,
            };
            let code = attribute.code.clone();
            match shared.may_count(&code, kind) {
                true => Some(Facet::Attribute { code, kind }),
                false => fields.take(Err(not_searchable(&code, "attribute", "count it"))),
            }
        }
        None => fields.refuse(Common::InvalidField, "", "needs a facet"),
    };
    let size = match Paging::size(sent.size) {
        Ok(size) => Some(size.get().into()),
        Err(_) => fields.refuse(Common::InvalidField, "size", "must not be negative"),
    };
    Some(FacetRequest { facet: facet?, size: size? })
}

/// What was counted, as callers see it: amounts in the currency of the search.
pub fn counted(counts: FacetCounts, currency: Option<Currency>, shared: &Shared) -> proto::Facet {
    let amounts = currency.filter(|_| matches!(counts.facet, Facet::Price(_)));
    let value = |count: crate::engine::hits::FacetCount| {
        let (value, name) = match count.value {
            Counted::Brand { brand_id, name } => (brand_id.to_string(), name),
            Counted::Category(id) => {
                (id.to_string(), shared.categories.get(&id).cloned().unwrap_or_default())
            }
            Counted::Price(range) => (bounds(&range), String::new()),
            Counted::InStock(in_stock) => (in_stock.to_string(), String::new()),
            Counted::Attribute(value) => (text(&value), String::new()),
        };
        proto::FacetValue { value, name, count: signed(count.count), selected: count.selected }
    };
    let (mut values, mut other_count, mut bytes) = (Vec::new(), counts.other_count, 0);
    for count in counts.values {
        let number = count.count;
        let value = value(count);
        bytes += value.encoded_len();
        if value.selected || bytes <= MAX_FACET_BYTES {
            values.push(value);
        } else {
            other_count += number;
        }
    }
    let minor_digits = amounts.map_or(0, |currency| currency.minor_digits().into());
    proto::Facet { values, other_count: signed(other_count), minor_digits }
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
        AttributeValue::Money { currency, minor_units } => {
            format!("{} {minor_units}", currency.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::Fault;
    use search_api::v1::attribute_term::Value as Term;

    #[test]
    fn nothing_is_served_by_relevance_behind_the_deepest_page() {
        let ask = |text: &str, served: usize| {
            let request = proto::SearchProductsRequest { query: text.into(), ..Default::default() };
            let (rank, product_id, served) = (0, Uuid::nil(), served as u64);
            let after = After { rank, product_id, state: None, served };
            query(&request, Some(after), 10, Utc::now(), &Shared::default())
        };
        assert_eq!(ask("lamp", MAX_HITS - 10).unwrap().limit, 10);
        assert_eq!(ask("lamp", MAX_HITS - 1).unwrap().limit, 1);
        assert_eq!(ask(" ", MAX_HITS).unwrap().limit, 10);
        let refused: Fault = ask("lamp", MAX_HITS).unwrap_err();
        assert_eq!(refused.reason(), "PAGE_TOO_DEEP");
        assert_eq!(refused.violations()[0].field, "page_token");
    }

    #[test]
    fn a_price_view_is_read_without_blanks_around_its_names() {
        let view = proto::PriceView {
            currency_code: "USD".into(),
            warehouse_id: " W-1\t".into(),
            channel: " Web  SHOP".into(),
            country: "RS ".into(),
        };
        let request = proto::SearchProductsRequest { price_view: Some(view), ..Default::default() };
        let scope = query(&request, None, 10, Utc::now(), &Shared::default()).unwrap().pricing;
        let texts = [&scope.warehouse, &scope.channel, &scope.country].map(Option::as_deref);
        assert_eq!(texts, [Some("W-1"), Some("web shop"), Some("RS")]);
        let blank = proto::PriceView {
            warehouse_id: " ".into(),
            country: " ".into(),
            ..request.price_view.unwrap_or_default()
        };
        let request =
            proto::SearchProductsRequest { price_view: Some(blank), ..Default::default() };
        let scope = query(&request, None, 10, Utc::now(), &Shared::default()).unwrap().pricing;
        assert_eq!((scope.warehouse, scope.country), (None, None));
    }

    #[test]
    fn the_warehouse_whose_stock_counts_is_named_by_the_request_or_its_view() {
        let ask = |own: &str, of_view: Option<&str>| {
            let view = |id: &str| proto::PriceView {
                currency_code: "USD".into(),
                warehouse_id: id.into(),
                ..Default::default()
            };
            let request = proto::SearchProductsRequest {
                warehouse_id: own.into(),
                price_view: of_view.map(view),
                ..Default::default()
            };
            query(&request, None, 10, Utc::now(), &Shared::default()).unwrap().warehouse
        };
        let (first, second) = (Uuid::from_u128(0xAB), Uuid::from_u128(2));
        let (first, second) = (first.to_string(), second.to_string());
        assert_eq!(ask("", None), None);
        assert_eq!(ask("", Some(" ")), None);
        assert_eq!(ask(&first.to_uppercase(), None).as_ref(), Some(&first));
        assert_eq!(ask(&first, Some(&second)).as_ref(), Some(&first));
        assert_eq!(ask("", Some(&format!(" {second} "))).as_ref(), Some(&second));
        assert_eq!(ask("", Some("W-1")).as_deref(), Some("W-1"));
    }

    #[test]
    fn more_words_than_are_searched_are_refused() {
        let ask = |words: usize| {
            let query = "a-".repeat(words);
            super::query(
                &proto::SearchProductsRequest { query, ..Default::default() },
                None,
                10,
                Utc::now(),
                &Shared::default(),
            )
        };
        ask(50).unwrap();
        let refused = ask(51).unwrap_err();
        assert!(refused.is(Common::InvalidField));
        let wrong = &refused.violations()[0];
        assert_eq!(wrong.field, "query");
        assert!(wrong.message.contains("51") && wrong.message.contains("50"), "{}", wrong.message);
    }

    #[test]
    fn what_a_facet_has_no_room_for_is_counted_with_the_others() {
        let value = |number: u64| crate::engine::hits::FacetCount {
            value: Counted::Attribute(AttributeValue::Text("x".repeat(1_000))),
            count: 1,
            selected: number == 99,
        };
        let counts = FacetCounts {
            facet: Facet::Brand,
            values: (0..100).map(value).collect(),
            other_count: 7,
            price_bounds_minor: None,
        };
        let facet = counted(counts, None, &Shared::default());
        assert!(facet.encoded_len() < MAX_FACET_BYTES + 2_000);
        assert_eq!(facet.values.len(), 51);
        assert!(facet.values[50].selected);
        assert_eq!(facet.other_count, 7 + 100 - 51);
    }

    #[test]
    fn everything_that_is_wrong_with_a_search_is_named() {
        let range = |min_minor_units, max_minor_units| proto::PriceRange {
            min_minor_units,
            max_minor_units,
        };
        let term = |value| proto::AttributeTerm { value: Some(value) };
        let request = proto::SearchProductsRequest {
            filters: Some(proto::Filters {
                price: Some(range(2, Some(1))),
                attributes: vec![
                    proto::AttributeFilter {
                        code: "color".into(),
                        values: vec![
                            term(Term::Text("red".into())),
                            term(Term::Date("2026-02-30".into())),
                        ],
                        ..Default::default()
                    },
                    proto::AttributeFilter {
                        code: "size".into(),
                        values: vec![term(Term::Number(1.0))],
                        ..Default::default()
                    },
                ],
                ..Default::default()
            }),
            price_view: Some(proto::PriceView {
                currency_code: "XXX".into(),
                ..Default::default()
            }),
            facets: vec![proto::FacetRequest {
                facet: Some(FacetOf::Price(proto::PriceFacet {
                    ranges: vec![range(0, None), range(9, Some(3))],
                })),
                size: 0,
            }],
            ..Default::default()
        };
        let fault = query(&request, None, 10, Utc::now(), &Shared::default()).unwrap_err();
        let fields: Vec<_> = fault.violations().iter().map(|wrong| wrong.field.as_str()).collect();
        let expected = [
            "filters.price",
            "filters.attributes[0].values[1]",
            "filters.attributes[1]",
            "price_view.currency_code",
            "facets[0].price.ranges[1]",
        ];
        assert_eq!(fields, expected);
        assert_eq!(fault.reason(), "FILTER_INVALID");
    }
}
