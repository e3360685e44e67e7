//! Until when the price of a request without customer and scope stays the same.

use chrono::{DateTime, Utc};

use crate::{currency::Currency, price::PriceRow};

/// The first instant after `at` at which the window of an unscoped row of `currency` begins or ends.
/// A context without scope values gets the same price at any time from `at` until then, so search
/// can store the amount and needs to select again only later. `None` means that the price never
/// changes again.
pub fn next_edge<'r, S: 'r>(
    rows: impl IntoIterator<Item = &'r PriceRow<S>>,
    currency: Currency,
    at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    rows.into_iter()
        .filter(|row| row.currency == currency && row.scope.is_unscoped())
        .filter_map(|row| row.window.next_edge(at))
        .min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::price::{
        samples::{self, SECONDS, context, context_with, row_with, second, window},
        select,
    };

    #[test]
    fn only_unscoped_rows_of_the_currency_count_and_only_later_edges() {
        let rows = [
            row_with(1, |row| row.window = window(Some(10), Some(40))),
            row_with(2, |row| {
                row.window = window(Some(20), Some(30));
                row.scope.country = Some(1);
            }),
            row_with(3, |row| {
                row.window = window(Some(21), Some(31));
                row.currency = samples::currency("EUR");
            }),
            row_with(4, |row| row.window = window(Some(35), Some(60))),
        ];
        let usd = context().currency;
        let edges = [0, 10, 35, 59, 60].map(|at| next_edge(&rows, usd, second(at)));
        let expected = [Some(10), Some(35), Some(40), Some(60), None];
        assert_eq!(edges, expected.map(|edge| edge.map(second)));
    }

    proptest! {
        #[test]
        fn the_anonymous_price_stays_until_the_edge(
            rows in samples::rows(),
            (at, later) in (SECONDS, SECONDS),
        ) {
            let (at, later) = (second(at.min(later)), second(at.max(later)));
            let edge = next_edge(&rows, context().currency, at);
            let price = |at| select(&rows, &context_with(|context| context.at = at));
            if edge.is_none_or(|edge| later < edge) {
                prop_assert_eq!(price(at), price(later));
            }
        }
    }
}
