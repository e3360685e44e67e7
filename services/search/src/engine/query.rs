//! Queries: words, filters, the scope that decides prices, facets, order and page.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::currency::Currency;
use uuid::Uuid;

use super::document::{AttributeKind, AttributeValue};
use super::error::EngineError;

/// The last hit of an order by score that is served, counted from 1: nobody reads on there but to copy
/// everything, and for that the orders by stored values have no end.
pub const MAX_HITS: usize = 10_000;
/// The most words in the text of a query.
pub const MAX_WORDS: usize = 50;
/// The most hits in one answer.
pub const MAX_LIMIT: usize = 500;
/// The most attribute filters in one query, and the most facets.
pub const MAX_ATTRIBUTE_FILTERS: usize = 50;
/// The most values that one filter accepts any of.
pub const MAX_FILTER_VALUES: usize = 500;

/// One search.
#[derive(Clone, Debug)]
pub struct Query {
    /// A product matches with all words; if fewer than 10 do, also with beginnings of words, and then
    /// with at least half of them, each behind the ones before in every order. Empty = every product.
    /// A text that is exactly a SKU matches its product alone. At most `MAX_WORDS` words.
    pub text: String,
    /// All of them must match.
    pub filters: Filters,
    /// Decides every amount: of the price filter, the price facet, the price sorts and the hits.
    pub pricing: PriceScope,
    /// The warehouse whose stock counts; `None` = all of them together.
    pub warehouse: Option<String>,
    /// The instant for which prices are selected.
    pub at: DateTime<Utc>,
    /// Answered in this order.
    pub facets: Vec<FacetRequest>,
    /// Ties are broken by product id, ascending.
    pub sort: Sort,
    /// The hit behind which the page begins, as `Hits::next` of the page before gives it; `None` = the
    /// first page.
    pub after: Option<After>,
    /// At most `MAX_LIMIT`; 0 asks for the total and the facets alone.
    pub limit: usize,
}

/// A place in the hits of a query, behind one of them. It leads to where it did before only in a query
/// that is the same but for `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    /// The hit's place in the order before ties are broken; only the engine that made it reads it.
    pub rank: u128,
    /// The hit's product.
    pub product_id: Uuid,
    /// The state of the index that the hits are of; `None` = the latest. Scores of two states cannot be
    /// compared, so an order by score has one, while one by stored values needs none.
    pub state: Option<StateId>,
    /// How many hits there were up to here.
    pub served: u64,
}

/// Names a state of an index that an engine keeps for a while after its last use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateId {
    /// Who keeps it: no two engines have the same, and none has it again once it was closed.
    pub keeper: Uuid,
    /// Which of its states.
    pub number: u64,
}

/// Conditions on a product: any of the values within one, all of them together. Those on price,
/// attributes and stock must match one and the same variant.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// Any of these, or of their subtrees; empty = no condition, as for every list here.
    pub category_ids: Vec<Uuid>,
    /// Any of these.
    pub brand_ids: Vec<Uuid>,
    /// Needs a currency in the query's `pricing`; variants without a price never match.
    pub price: Option<PriceRange>,
    /// All of these.
    pub attributes: Vec<AttributeFilter>,
    /// Whether it is in stock; a product that is not tracked is neither in stock nor out of stock.
    pub in_stock: Option<bool>,
}

/// An interval of amounts, both ends included, so that a price facet's value can be sent back as
/// the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceRange {
    /// `None` = from 0.
    pub min_minor: Option<i64>,
    /// `None` = without end.
    pub max_minor: Option<i64>,
}

/// A condition on one attribute of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeFilter {
    /// The attribute's code.
    pub code: String,
    /// What its value must be.
    pub condition: AttributeCondition,
}

/// What an attribute filter accepts. It decides the attribute's kind too.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeCondition {
    /// Any of these; not empty, and all of one kind.
    AnyOf(Vec<AttributeValue>),
    /// A number in this interval, both ends included.
    NumberBetween {
        /// `None` = without end.
        min: Option<f64>,
        /// `None` = without end.
        max: Option<f64>,
    },
    /// A day in this interval, both ends included.
    DateBetween {
        /// `None` = without end.
        min: Option<NaiveDate>,
        /// `None` = without end.
        max: Option<NaiveDate>,
    },
    /// An amount of this currency in this interval, both ends included.
    MoneyBetween {
        /// Amounts of another one never match.
        currency: Currency,
        /// `None` = without end.
        min: Option<i64>,
        /// `None` = without end.
        max: Option<i64>,
    },
}

/// For whom prices are evaluated.
#[derive(Clone, Debug, Default)]
pub struct PriceScope {
    /// `None` = the query does not look at prices: hits carry no amount.
    pub currency: Option<Currency>,
    /// The warehouse the buyer is served from.
    pub warehouse: Option<String>,
    /// The sales channel.
    pub channel: Option<String>,
    /// The buyer's country.
    pub country: Option<String>,
}

/// A facet to be counted and how many of its values to return.
#[derive(Clone, Debug, PartialEq)]
pub struct FacetRequest {
    /// What is counted.
    pub facet: Facet,
    /// The most values returned, except selected ones, which are always returned.
    pub size: usize,
}

/// What a facet counts products by.
#[derive(Clone, Debug, PartialEq)]
pub enum Facet {
    /// By brand id.
    Brand,
    /// By category id, ancestors included.
    Category,
    /// By the amount of any matching variant. Empty = ranges of the ladder 1, 2, 5, 10, 20, 50, ...
    /// that hold a product.
    Price(Vec<PriceRange>),
    /// By whether a variant is in stock, and whether one is not; what is not tracked counts under neither.
    InStock,
    /// By the values of one attribute.
    Attribute {
        /// The attribute's code.
        code: String,
        /// The attribute's kind.
        kind: AttributeKind,
    },
}

/// The order of hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Best text match first; products of which no variant is in stock, though tracked, behind the others of the same breadth of words.
    #[default]
    Relevance,
    /// Cheapest first, by each product's cheapest matching variant; products without a price last.
    PriceAscending,
    /// Most expensive first, by each product's cheapest matching variant; products without a price last.
    PriceDescending,
    /// Newest first.
    Newest,
}

impl Query {
    /// Everything there is, as of `at`: no words, no filters, no prices, first page of 20.
    pub fn everything(at: DateTime<Utc>) -> Query {
        Query {
            text: String::new(),
            filters: Filters::default(),
            pricing: PriceScope::default(),
            warehouse: None,
            at,
            facets: Vec::new(),
            sort: Sort::Relevance,
            after: None,
            limit: 20,
        }
    }

    /// Refuses what no engine answers, so that all of them refuse the same.
    pub fn check(&self) -> Result<(), EngineError> {
        if self.limit > MAX_LIMIT {
            return Err(EngineError::Invalid("the limit is beyond 500"));
        }
        if self.is_by_score() && self.served().saturating_add(self.limit as u64) > MAX_HITS as u64 {
            return Err(EngineError::Invalid("the page ends behind the 10,000th hit by score"));
        }
        if count_words(&self.text) > MAX_WORDS {
            return Err(EngineError::Invalid("more than 50 words"));
        }
        if self.filters.attributes.len() > MAX_ATTRIBUTE_FILTERS {
            return Err(EngineError::Invalid("more than 50 attribute filters"));
        }
        if self.facets.len() > MAX_ATTRIBUTE_FILTERS {
            return Err(EngineError::Invalid("more than 50 facets"));
        }
        let lists = [&self.filters.category_ids, &self.filters.brand_ids];
        if lists.iter().any(|list| list.len() > MAX_FILTER_VALUES) {
            return Err(EngineError::Invalid("a filter with more than 500 values"));
        }
        if self.asks_price() && self.pricing.currency.is_none() {
            return Err(EngineError::Invalid("prices are asked for without a currency"));
        }
        self.filters.attributes.iter().try_for_each(AttributeFilter::check)
    }

    /// Whether hits are ordered by how well they match: by relevance, if there is a text to be relevant
    /// for.
    pub fn is_by_score(&self) -> bool {
        self.sort == Sort::Relevance && !self.text.trim().is_empty()
    }

    /// How many hits the pages before had.
    pub fn served(&self) -> u64 {
        self.after.map_or(0, |after| after.served)
    }

    /// Whether deciding which products match, or their order or counts, takes their prices.
    pub fn asks_price(&self) -> bool {
        self.filters.price.is_some()
            || matches!(self.sort, Sort::PriceAscending | Sort::PriceDescending)
            || self.facets.iter().any(|request| matches!(request.facet, Facet::Price(_)))
    }
}

/// How many words a text has, repeated ones included: whatever stands between characters that are no letters or digits.
pub fn count_words(text: &str) -> usize {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).count()
}

impl PriceRange {
    /// Whether the amount lies in this interval.
    pub fn contains(&self, amount_minor: i64) -> bool {
        self.min_minor.is_none_or(|min| min <= amount_minor)
            && self.max_minor.is_none_or(|max| amount_minor <= max)
    }
}

impl AttributeFilter {
    /// The kind of the attribute it is about; a filter without values is about none.
    pub fn kind(&self) -> Option<AttributeKind> {
        match &self.condition {
            AttributeCondition::AnyOf(values) => values.first().map(AttributeValue::kind),
            AttributeCondition::NumberBetween { .. } => Some(AttributeKind::Number),
            AttributeCondition::DateBetween { .. } => Some(AttributeKind::Date),
            AttributeCondition::MoneyBetween { .. } => Some(AttributeKind::Money),
        }
    }

    fn check(&self) -> Result<(), EngineError> {
        match &self.condition {
            AttributeCondition::AnyOf(values) if values.is_empty() => {
                Err(EngineError::Invalid("an attribute filter without values"))
            }
            AttributeCondition::AnyOf(values) if values.len() > MAX_FILTER_VALUES => {
                Err(EngineError::Invalid("a filter with more than 500 values"))
            }
            AttributeCondition::AnyOf(values)
                if values.iter().any(|value| Some(value.kind()) != self.kind()) =>
            {
                Err(EngineError::Invalid("an attribute filter with values of several kinds"))
            }
            _ => Ok(()),
        }
    }
}
