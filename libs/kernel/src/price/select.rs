//! Selects the row that applies.

use std::cmp::Reverse;

use uuid::Uuid;

use crate::price::{Level, PriceContext, PriceRow};

/// The row that applies, or none if no row is eligible. It makes one pass and does not allocate,
/// because search calls it for many variants in one request.
pub fn select<'r, S: PartialEq + 'r>(
    rows: impl IntoIterator<Item = &'r PriceRow<S>>,
    context: &PriceContext<'_, S>,
) -> Option<&'r PriceRow<S>> {
    rows.into_iter().filter(|row| row.is_eligible(context)).min_by_key(|row| Rank::of(row))
}

/// Sort key of eligible rows; the lowest wins. The fields are in the order of the selection rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) level: Level,
    pub(super) score: Reverse<u8>,
    pub(super) is_undated: bool,
    pub(super) amount: i64,
    pub(super) id: Uuid,
}

impl Rank {
    pub(super) fn of<S>(row: &PriceRow<S>) -> Self {
        Self {
            level: row.level,
            score: Reverse(row.scope.score()),
            is_undated: !row.window.is_dated(),
            amount: row.amount(),
            id: row.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::price::samples::{
        context, context_with, question, row, row_with, rows, shuffled_rows,
    };

    #[test]
    fn an_ineligible_sku_row_does_not_shadow_the_product() {
        let product = row_with(1, |row| row.level = Level::Product);
        let elsewhere = row_with(2, |row| row.scope.warehouse = Some(3));
        assert_eq!(select(&[product, elsewhere], &context()), Some(&product));
    }

    #[test]
    fn a_scoped_product_row_loses_to_an_unscoped_sku_row() {
        let product = row_with(1, |row| {
            row.level = Level::Product;
            row.scope.warehouse = Some(3);
            row.base = 1;
        });
        let context = context_with(|context| context.warehouse = Some(&3));
        assert_eq!(select(&[product, row(2)], &context), Some(&row(2)));
    }

    #[test]
    fn the_sale_price_is_what_is_compared_and_the_lowest_id_ends_a_tie() {
        let dearer = row_with(1, |row| row.base = 101);
        let on_sale = row_with(2, |row| (row.base, row.sale) = (900, Some(100)));
        let as_cheap = row_with(3, |row| row.base = 100);
        assert_eq!(select(&[dearer, as_cheap, on_sale], &context()), Some(&on_sale));
    }

    #[test]
    fn no_eligible_row_is_no_price() {
        assert_eq!(select(&[], &context()), None);
    }

    /// The selection rules, applied one after the other.
    fn by_the_book<'r>(
        rows: &'r [PriceRow<u32>],
        context: &PriceContext<'_, u32>,
    ) -> Option<&'r PriceRow<u32>> {
        let mut left: Vec<_> = rows.iter().filter(|row| row.is_eligible(context)).collect();
        if left.iter().any(|row| row.level == Level::Sku) {
            left.retain(|row| row.level == Level::Sku);
        }
        let highest = left.iter().map(|row| row.scope.score()).max()?;
        left.retain(|row| row.scope.score() == highest);
        if left.iter().any(|row| row.window.is_dated()) {
            left.retain(|row| row.window.is_dated());
        }
        let lowest = left.iter().map(|row| row.amount()).min()?;
        left.retain(|row| row.amount() == lowest);
        left.into_iter().min_by_key(|row| row.id)
    }

    proptest! {
        #[test]
        fn one_pass_is_the_same_as_filter_after_filter(rows in rows(), question in question()) {
            let context = question.context();
            prop_assert_eq!(select(&rows, &context), by_the_book(&rows, &context));
        }

        #[test]
        fn the_result_is_eligible_if_any_row_is(rows in rows(), question in question()) {
            let context = question.context();
            match select(&rows, &context) {
                Some(row) => prop_assert!(row.is_eligible(&context)),
                None => prop_assert!(!rows.iter().any(|row| row.is_eligible(&context))),
            }
        }

        #[test]
        fn the_order_of_rows_does_not_matter(
            (rows, shuffled) in shuffled_rows(),
            question in question(),
        ) {
            let context = question.context();
            prop_assert_eq!(select(&rows, &context), select(&shuffled, &context));
        }
    }
}
