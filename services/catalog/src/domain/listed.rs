//! What lists are filtered and sorted by.

use super::brand::Brand;
use super::category::Category;
use super::product::{Product, Status};
use super::value::{Value, Values};
use super::variant::Tier1;
use chrono::{DateTime, Utc};
use kernel::currency::Currency;
use kernel::id::Id;
use kernel::name::fold;
use kernel::price::{PriceContext, PriceRow, next_edge, select};
use std::collections::{BTreeMap, BTreeSet};

/// Characters of a title that count for the order.
const TITLE_KEY: usize = 100;
/// Longest value that can be filtered by, in characters.
const MAX_VALUE: usize = 200;

/// A product as lists see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The product.
    pub product_id: Id<Product>,
    /// The beginning of its title, folded.
    pub title_key: String,
    /// Its brand.
    pub brand_id: Option<Id<Brand>>,
    /// Whether customers see it.
    pub status: Status,
    /// Its categories, and all above them.
    pub category_ids: Vec<Id<Category>>,
    /// Its attributes and those of its variants.
    pub terms: BTreeSet<String>,
    /// What its cheapest variant costs in each currency, unscoped.
    pub amounts: BTreeMap<Currency, i64>,
    /// When that is to be looked at anew.
    pub next_edge: Option<DateTime<Utc>>,
}

/// A price, and the variant that it is for; empty: all of the product.
pub type PriceOf = (String, PriceRow<String>);

/// The part of a title that orders a list.
pub fn title_key(title: &str) -> String {
    fold(title).chars().take(TITLE_KEY).collect()
}

/// The terms of tier 1.
pub fn tier1_terms(own: &Tier1) -> impl Iterator<Item = String> {
    let texts = [
        ("color", &own.color),
        ("size", &own.size),
        ("material", &own.material),
        ("gender", &own.gender),
        ("age_group", &own.age_group),
    ];
    texts
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .filter_map(|(code, text)| term(code, text))
}

/// The terms of tier 2. What has no text that a caller would type has none.
pub fn value_terms(values: &Values) -> Vec<String> {
    let of = |code: &str, value: &Value| match value {
        Value::Text(text) => Vec::from_iter(term(code, text)),
        Value::Number(number) => Vec::from_iter(term(code, &number.to_string())),
        Value::Bool(flag) => Vec::from_iter(term(code, &flag.to_string())),
        Value::Date(day) => Vec::from_iter(term(code, &day.to_string())),
        Value::Texts(texts) => texts.iter().filter_map(|text| term(code, text)).collect(),
        Value::Money(_) | Value::Localized(_) | Value::Json(_) => Vec::new(),
    };
    values.iter().flat_map(|held| of(&held.code, &held.value)).collect()
}

fn term(code: &str, value: &str) -> Option<String> {
    (value.chars().count() <= MAX_VALUE).then(|| format!("{code}={}", fold(value)))
}

/// The terms of which one is enough to pass a filter: a number may be written in several ways.
pub fn wanted(code: &str, value: &str) -> Vec<String> {
    let number = value.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let forms = [Some(value.to_owned()), number.map(|number| number.to_string())];
    let terms: BTreeSet<String> =
        forms.into_iter().flatten().filter_map(|form| term(code, &form)).collect();
    terms.into_iter().collect()
}

/// What the cheapest of the variants costs in each currency, and until when.
pub fn amounts(
    variants: &[String],
    prices: &[PriceOf],
    at: DateTime<Utc>,
) -> (BTreeMap<Currency, i64>, Option<DateTime<Utc>>) {
    let currencies: BTreeSet<Currency> = prices.iter().map(|(_, row)| row.currency).collect();
    let lowest = |currency: Currency| {
        let context = PriceContext::new(currency, at);
        let amount = |variant: &String| {
            let own = prices.iter().filter(|(of, _)| of.is_empty() || of == variant);
            select(own.map(|(_, row)| row), &context).map(PriceRow::amount)
        };
        variants.iter().filter_map(amount).min()
    };
    let amounts = currencies.iter().filter_map(|own| Some((*own, lowest(*own)?))).collect();
    let edges =
        currencies.iter().filter_map(|own| next_edge(prices.iter().map(|(_, row)| row), *own, at));
    (amounts, edges.min())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use kernel::price::{Level, Scope};
    use kernel::window::Window;

    fn price(of: &str, base: i64, window: Window) -> PriceOf {
        let row = PriceRow {
            id: uuid::Uuid::now_v7(),
            level: if of.is_empty() { Level::Product } else { Level::Sku },
            currency: Currency::parse("EUR").unwrap(),
            scope: Scope::UNSCOPED,
            window,
            base,
            sale: None,
        };
        (of.to_owned(), row)
    }

    #[test]
    fn the_cheapest_variant_counts_until_a_window_begins_or_ends() {
        let (at, always) = (Utc::now(), Window::try_new(None, None).unwrap());
        let later = at + TimeDelta::hours(1);
        let soon = Window::try_new(Some(later), None).unwrap();
        let prices = [price("", 900, always), price("a", 700, always), price("b", 100, soon)];
        let variants = ["a".to_owned(), "b".to_owned()];
        let (eur, of) = (Currency::parse("EUR").unwrap(), |at| amounts(&variants, &prices, at));
        assert_eq!(of(at), (BTreeMap::from([(eur, 700)]), Some(later)));
        assert_eq!(of(later), (BTreeMap::from([(eur, 100)]), None));
        assert_eq!(amounts(&[], &prices, at).0, BTreeMap::new());
    }

    #[test]
    fn a_number_is_found_however_it_is_written() {
        assert_eq!(wanted("screen", "6.10"), ["screen=6.1", "screen=6.10"]);
        assert_eq!(wanted("color", "Deep Blue"), ["color=deep blue"]);
        assert_eq!(wanted("text", &"x".repeat(201)), Vec::<String>::new());
    }
}
