//! The verdict on one row, and whether it is eligible.

use chrono::{DateTime, Utc};

use crate::price::{Dimension, PriceContext, PriceRow};

/// Why a row was or was not chosen: the first selection rule that it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The one row that applies.
    Chosen,
    /// It is in another currency than the context.
    OtherCurrency,
    /// Its window has not begun.
    NotYetValid {
        /// When it will begin.
        from: DateTime<Utc>,
    },
    /// Its window has ended.
    NoLongerValid {
        /// The first instant at which it no longer applied.
        until: DateTime<Utc>,
    },
    /// Its scope does not match the context.
    ScopeMismatch {
        /// The most specific dimension that does not match.
        which: Dimension,
    },
    /// It is a price of the product, and the SKU has an eligible price.
    ProductLevelShadowed,
    /// A row with a more specific scope applies.
    LessSpecific {
        /// This row's score.
        score: u8,
        /// The chosen row's, which is higher.
        winner_score: u8,
    },
    /// A dated row of the same specificity applies.
    UndatedBesideDated,
    /// A row of the same specificity is cheaper.
    DearerAtSameLevel,
    /// A row that is equal under all other rules has a lower id.
    HigherId,
}

impl<S: PartialEq> PriceRow<S> {
    /// Whether currency, window and scope match the context.
    pub fn is_eligible(&self, context: &PriceContext<'_, S>) -> bool {
        ruled_out(self, context).is_none()
    }
}

/// Why the row is not eligible, or none if it is.
pub(super) fn ruled_out<S: PartialEq>(
    row: &PriceRow<S>,
    context: &PriceContext<'_, S>,
) -> Option<Verdict> {
    if row.currency != context.currency {
        return Some(Verdict::OtherCurrency);
    }
    if let Some(from) = row.window.from().filter(|from| context.at < *from) {
        return Some(Verdict::NotYetValid { from });
    }
    if let Some(until) = row.window.until().filter(|until| *until <= context.at) {
        return Some(Verdict::NoLongerValid { until });
    }
    row.scope.mismatch(context).map(|which| Verdict::ScopeMismatch { which })
}
