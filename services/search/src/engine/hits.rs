//! The results of a query.

use uuid::Uuid;

use super::document::AttributeValue;
use super::query::{After, Facet, PriceRange, StateId};

/// The answer to one query.
#[derive(Clone, Debug, PartialEq)]
pub struct Hits {
    /// How many products match, whatever the page.
    pub total: u64,
    /// The requested page of them.
    pub hits: Vec<Hit>,
    /// How many there were on the pages before.
    pub served: u64,
    /// Whether others follow that may be served.
    pub more: bool,
    /// The state that the next page is answered from; `None` = the latest then.
    pub state: Option<StateId>,
    /// One for each requested facet, in the order of the request.
    pub facets: Vec<FacetCounts>,
    /// Whether there are products among them that have only some of the words, behind all that have them all.
    pub widened: bool,
}

/// One product that matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The product.
    pub product_id: Uuid,
    /// The revision of the document that matched.
    pub revision: i64,
    /// Its place in the order, for `After`.
    pub rank: u128,
    /// Comparable within one state of the index only; 0 where the order is not by relevance.
    pub score: f32,
    /// The cheapest variant that matches, else the first that does; `None` for a product without
    /// variants.
    pub variant_id: Option<Uuid>,
    /// That variant's amount in the query's currency and scope, in force at the query's `at`.
    pub amount_minor: Option<i64>,
}

impl Hits {
    /// What continues this page where only its first `shown` hits are shown; `None` = nothing does.
    pub fn next(&self, shown: usize) -> Option<After> {
        let last = self.hits.get(shown.checked_sub(1)?)?;
        (self.more || shown < self.hits.len()).then(|| After {
            rank: last.rank,
            product_id: last.product_id,
            state: self.state,
            served: self.served + shown as u64,
        })
    }
}

/// The counts of one facet: of products that match every filter but the facet's own.
#[derive(Clone, Debug, PartialEq)]
pub struct FacetCounts {
    /// The facet as requested.
    pub facet: Facet,
    /// Most products first, then by value; price ranges in their own order. Selected values are
    /// always here, even at 0.
    pub values: Vec<FacetCount>,
    /// The sum of the counts of values that did not fit.
    pub other_count: u64,
    /// The lowest and highest amount among the variants counted; only for a price facet.
    pub price_bounds_minor: Option<(i64, i64)>,
}

/// One value of a facet.
#[derive(Clone, Debug, PartialEq)]
pub struct FacetCount {
    /// The value; as a filter, it selects what was counted.
    pub value: FacetValue,
    /// How many products have it; one with several variants of it counts once.
    pub count: u64,
    /// Whether the query's filters name it.
    pub selected: bool,
}

/// A value that products are counted under.
#[derive(Clone, Debug, PartialEq)]
pub enum FacetValue {
    /// Of `Facet::Brand`; sorted by name.
    Brand {
        /// The brand.
        brand_id: Uuid,
        /// As most of the counted products spell it; empty for a selected brand that no product
        /// has.
        name: String,
    },
    /// Of `Facet::Category`.
    Category(Uuid),
    /// Of `Facet::Price`.
    Price(PriceRange),
    /// Of `Facet::InStock`.
    InStock(bool),
    /// Of `Facet::Attribute`.
    Attribute(AttributeValue),
}
