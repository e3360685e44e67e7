//! What a query asks of each document, the same for all segments.

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, ConstScoreQuery, InvertedIndexRangeQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};

use super::schema::Fields;
use super::terms::{self, Span};
use super::words::Clause;
use crate::engine::query::{Facet, PriceRange, Query};

/// A set of filters, one bit for each by its number.
pub type FilterSet = u64;

/// The filters, numbered: those by terms in their order, then the one by price and the one by stock, if there are such.
pub struct Plan {
    /// For each filter the terms it accepts any of.
    pub term_filters: Vec<TermFilter>,
    /// The filter by price.
    pub price_filter: Option<PriceRange>,
    /// The last filter.
    pub stock_filter: Option<bool>,
    /// The terms that what passes it has, too.
    stock: Span,
    /// For each requested facet the filters that are its own and that its counts do not heed.
    pub own_filters: Vec<FilterSet>,
    /// Whether a match, a count or the order depends on amounts.
    pub asks_price: bool,
    /// Whether a match or a count depends on which variant has what. If not, all documents that are candidates match with all of
    /// their variants.
    pub depends_on_variants: bool,
}

/// A filter by brand, category or attribute.
pub struct TermFilter {
    facet: Facet,
    /// What it accepts.
    pub spans: Vec<Span>,
}

impl Plan {
    /// Numbers the filters and finds each facet its own.
    pub fn new(query: &Query) -> Plan {
        let filters = &query.filters;
        let categories = TermFilter {
            facet: Facet::Category,
            spans: filters.category_ids.iter().map(|id| terms::category_span(*id)).collect(),
        };
        let brands = TermFilter {
            facet: Facet::Brand,
            spans: filters.brand_ids.iter().map(|id| terms::brand_span(*id)).collect(),
        };
        let is_asked = |filter: &TermFilter| !filter.spans.is_empty();
        let attributes = filters.attributes.iter().filter_map(|filter| {
            let facet = Facet::Attribute { code: filter.code.clone(), kind: filter.kind()? };
            Some(TermFilter { facet, spans: terms::attribute_spans(filter) })
        });
        let term_filters: Vec<TermFilter> =
            [categories, brands].into_iter().filter(is_asked).chain(attributes).collect();
        let by_price = FilterSet::from(filters.price.is_some()) << term_filters.len();
        let behind_price = term_filters.len() + usize::from(filters.price.is_some());
        let by_stock = FilterSet::from(filters.in_stock.is_some()) << behind_price;
        let own_filters = query.facets.iter().map(|request| match &request.facet {
            Facet::Price(_) => by_price,
            Facet::InStock => by_stock,
            facet => own_filters(facet, &term_filters),
        });
        Plan {
            own_filters: own_filters.collect(),
            price_filter: filters.price,
            stock_filter: filters.in_stock,
            stock: match filters.in_stock {
                Some(true) => terms::in_stock_span(query.warehouse.as_deref()),
                _ => terms::tracked_span(),
            },
            asks_price: query.asks_price(),
            depends_on_variants: filters.price.is_some()
                || filters.in_stock.is_some()
                || !filters.attributes.is_empty()
                || !query.facets.is_empty(),
            term_filters,
        }
    }

    /// The documents worth looking at: those that match the words, and the filters that no facet
    /// has to look behind. That some variant has each value does not mean that one has them all,
    /// so the filters are heeded again when a document is looked at.
    pub fn candidates(&self, fields: &Fields, words: Option<Clause>) -> Clause {
        let behind = self.own_filters.iter().fold(0, |all, own| all | own);
        let mut clauses: Vec<Clause> = self
            .term_filters
            .iter()
            .enumerate()
            .filter(|(number, _)| behind & 1 << number == 0)
            .map(|(_, filter)| having_any(&filter.spans, fields.values))
            .collect();
        let stock_number = self.term_filters.len() + usize::from(self.price_filter.is_some());
        if self.stock_filter.is_some() && behind & 1 << stock_number == 0 {
            clauses.push(having_any(std::slice::from_ref(&self.stock), fields.stock));
        }
        clauses.extend(words);
        match clauses.len() {
            0 => Box::new(AllQuery),
            1 => clauses.remove(0),
            _ => Box::new(BooleanQuery::intersection(clauses)),
        }
    }
}

fn own_filters(facet: &Facet, filters: &[TermFilter]) -> FilterSet {
    let own = filters.iter().enumerate().filter(|(_, filter)| filter.facet == *facet);
    own.fold(0, |set, (number, _)| set | 1 << number)
}

/// The documents with any of these terms.
fn having_any(spans: &[Span], field: Field) -> Clause {
    let any = spans.iter().map(|span| -> Clause {
        let from = Term::from_field_bytes(field, &span.start);
        if terms::is_one_term(span) {
            return Box::new(TermQuery::new(from, IndexRecordOption::Basic));
        }
        let until = Term::from_field_bytes(field, &span.end);
        Box::new(InvertedIndexRangeQuery::new(
            std::ops::Bound::Included(from),
            std::ops::Bound::Excluded(until),
        ))
    });
    let any = BooleanQuery::union(any.collect());
    Box::new(ConstScoreQuery::new(Box::new(any), 0.0))
}
