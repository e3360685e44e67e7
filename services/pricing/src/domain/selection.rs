//! Which price applies, and why: the rule of [`kernel::price`] applied to the prices of an item, with an explanation of each
//! price in a sentence.

use crate::domain::price::Price;
use chrono::{DateTime, SecondsFormat, Utc};
use kernel::currency::Currency;
use kernel::money::Money;
use kernel::price::{self, Dimension, PriceContext, PriceRow, Verdict};
use std::cmp::Reverse;

/// For whom, where and when a price is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// A price in another currency never applies.
    pub currency: Currency,
    /// The customer, if known.
    pub customer: Option<String>,
    /// Groups that the customer belongs to.
    pub groups: Vec<String>,
    /// The warehouse that delivers, if known.
    pub warehouse: Option<String>,
    /// The channel of the sale, if known.
    pub channel: Option<String>,
    /// The country of delivery, if known.
    pub country: Option<String>,
    /// Instant to select for.
    pub at: DateTime<Utc>,
}

/// The outcome for a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged<'p> {
    /// The price.
    pub price: &'p Price,
    /// Whether it applies, and if not, why.
    pub verdict: Verdict,
    /// The same in a sentence.
    pub explanation: String,
}

impl Judged<'_> {
    /// Whether it is the price that applies.
    pub fn applies(&self) -> bool {
        self.verdict == Verdict::Chosen
    }
}

impl Context {
    fn borrowed(&self) -> PriceContext<'_, String> {
        PriceContext {
            currency: self.currency,
            customer: self.customer.as_ref(),
            groups: &self.groups,
            warehouse: self.warehouse.as_ref(),
            channel: self.channel.as_ref(),
            country: self.country.as_ref(),
            at: self.at,
        }
    }

    /// What it says of a dimension, for a sentence.
    fn of(&self, dimension: Dimension) -> String {
        let one = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        match dimension {
            Dimension::Customer => one(&self.customer),
            Dimension::Group if self.groups.is_empty() => "none".to_owned(),
            Dimension::Group => self.groups.join(", "),
            Dimension::Warehouse => one(&self.warehouse),
            Dimension::Channel => one(&self.channel),
            Dimension::Country => one(&self.country),
        }
    }
}

/// The price of these that applies, if one does. They must all be of one item, or of its product.
pub fn select<'p>(prices: &[&'p Price], context: &Context) -> Option<&'p Price> {
    let rows: Vec<_> = prices.iter().map(|price| price.row()).collect();
    let chosen = price::select(&rows, &context.borrowed())?.id;
    prices.iter().copied().find(|price| price.head.id.uuid() == chosen)
}

/// The outcome for each of these prices, best first: the one that applies, those that could have,
/// those that could not.
pub fn explain<'p>(prices: &'p [Price], context: &Context) -> Vec<Judged<'p>> {
    let rows: Vec<_> = prices.iter().map(Price::row).collect();
    let borrowed = context.borrowed();
    let verdicts = price::explain(&rows, &borrowed);
    let winner = rows.iter().zip(&verdicts).find(|(_, verdict)| **verdict == Verdict::Chosen);
    let winner = winner.map(|(row, _)| row);

    let mut judged: Vec<_> = prices.iter().zip(&rows).zip(verdicts).collect();
    judged.sort_by_key(|((_, row), verdict)| {
        let eligible = row.is_eligible(&borrowed);
        let score = Reverse(row.scope.score());
        let undated = !row.window.is_dated();
        (*verdict != Verdict::Chosen, !eligible, row.level, score, undated, row.amount(), row.id)
    });
    let with_sentence = |((price, row), verdict)| {
        let explanation = sentence(row, verdict, context, winner);
        Judged { price, verdict, explanation }
    };
    judged.into_iter().map(with_sentence).collect()
}

fn sentence(
    row: &PriceRow<String>,
    verdict: Verdict,
    context: &Context,
    winner: Option<&PriceRow<String>>,
) -> String {
    match verdict {
        Verdict::Chosen => "applies".to_owned(),
        Verdict::OtherCurrency => {
            format!("currency is {}, the context has {}", row.currency, context.currency)
        }
        Verdict::NotYetValid { from } => {
            format!("holds from {} on, the context is of {}", instant(from), instant(context.at))
        }
        Verdict::NoLongerValid { until } => {
            format!("held until {}, the context is of {}", instant(until), instant(context.at))
        }
        Verdict::ScopeMismatch { which } => {
            let (name, own) = named(row, which);
            format!("{name} is {own}, the context has {}", context.of(which))
        }
        Verdict::ProductLevelShadowed => {
            "is a price of the product, and one of the SKU applies".to_owned()
        }
        Verdict::LessSpecific { score, winner_score } => {
            format!("its scope weighs {score}, that of the price that applies {winner_score}")
        }
        Verdict::UndatedBesideDated => {
            "has no window, and the price that applies has one".to_owned()
        }
        Verdict::DearerAtSameLevel => {
            let amount = |row: &PriceRow<_>| Money::new(row.amount(), row.currency).to_string();
            let cheaper = winner.map(amount).unwrap_or_default();
            format!("costs {}, the price that applies {cheaper}", amount(row))
        }
        Verdict::HigherId => "costs as much as the price that applies, which is older".to_owned(),
    }
}

fn named(row: &PriceRow<String>, dimension: Dimension) -> (&'static str, &str) {
    let scope = &row.scope;
    let (name, own) = match dimension {
        Dimension::Customer => ("customer", &scope.customer),
        Dimension::Group => ("customer group", &scope.group),
        Dimension::Warehouse => ("warehouse", &scope.warehouse),
        Dimension::Channel => ("channel", &scope.channel),
        Dimension::Country => ("country", &scope.country),
    };
    (name, own.as_deref().unwrap_or_default())
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{currency, price, second, window};
    use kernel::id::Id;
    use uuid::Uuid;

    fn numbered(number: u128, base: i64, change: impl FnOnce(&mut Price)) -> Price {
        let mut price = price("A-1", base);
        price.head.id = Id::from_uuid(Uuid::from_u128(number));
        change(&mut price);
        price
    }

    fn context() -> Context {
        Context {
            currency: currency("USD"),
            customer: None,
            groups: vec!["VIP".into(), "STAFF".into()],
            warehouse: Some("W9".into()),
            channel: None,
            country: None,
            at: second(50),
        }
    }

    #[test]
    fn the_trace_goes_from_the_best_to_what_could_never_apply_and_says_why() {
        let group = |name: &str| Some(name.to_owned());
        let prices = [
            numbered(1, 70, |p| p.key.currency = currency("EUR")),
            numbered(2, 80, |p| p.key.scope.warehouse = Some("W1".into())),
            numbered(3, 90, |_| ()),
            numbered(4, 92, |p| p.key.scope.group = group("VIP")),
            numbered(5, 89, |p| p.key.scope.group = group("STAFF")),
            numbered(6, 89, |p| p.key.scope.group = group("VIP")),
            numbered(7, 60, |p| p.key.window = window(Some(60), None)),
            numbered(8, 60, |p| p.key.window = window(None, Some(50))),
            numbered(9, 60, |p| p.key.scope.customer = Some("C1".into())),
        ];
        let explained: Vec<_> = explain(&prices, &context())
            .into_iter()
            .map(|judged| (judged.price.head.id.uuid().as_u128(), judged.explanation))
            .collect();
        let expected = [
            (5, "applies"),
            (6, "costs as much as the price that applies, which is older"),
            (4, "costs 0.92 USD, the price that applies 0.89 USD"),
            (3, "its scope weighs 0, that of the price that applies 8"),
            (9, "customer is C1, the context has none"),
            (2, "warehouse is W1, the context has W9"),
            (7, "holds from 1970-01-01T00:01:00Z on, the context is of 1970-01-01T00:00:50Z"),
            (8, "held until 1970-01-01T00:00:50Z, the context is of 1970-01-01T00:00:50Z"),
            (1, "currency is EUR, the context has USD"),
        ];
        assert_eq!(explained, expected.map(|(id, text)| (id, text.to_owned())));

        let all: Vec<_> = prices.iter().collect();
        let chosen = select(&all, &context()).map(|price| price.head.id.uuid().as_u128());
        assert_eq!(chosen, Some(5));
    }
}
