//! What became of one row, and whether it could apply at all.

use chrono::{DateTime, Utc};

use crate::price::{Dimension, PriceContext, PriceRow};

/// What became of one row. The first rule of PC-02 that it failed is told, so a reader sees what
/// would have to change first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The one row that applies.
    Chosen,
    /// It is in another currency than was asked for.
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
    /// It is for someone or somewhere else.
    ScopeMismatch {
        /// The most specific dimension that does not fit.
        which: Dimension,
    },
    /// It is the product's price, and the SKU has an eligible one of its own.
    ProductLevelShadowed,
    /// A row with a more specific scope applies.
    LessSpecific {
        /// This row's score.
        score: u8,
        /// The chosen row's, which is higher.
        winner_score: u8,
    },
    /// A row as specific, but dated, applies.
    UndatedBesideDated,
    /// A row as specific asks for less.
    DearerAtSameLevel,
    /// A row that is equal in all that counts has the lower id.
    HigherId,
}

impl<S: PartialEq> PriceRow<S> {
    /// True when the row could apply: the currency, the instant and every scope it names fit.
    pub fn is_eligible(&self, context: &PriceContext<'_, S>) -> bool {
        ruled_out(self, context).is_none()
    }
}

/// Why the row cannot apply whatever the other rows are, or none when it is eligible: the one
/// definition of that word.
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
