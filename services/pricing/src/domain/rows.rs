//! Rules for the rows of one call among each other.

use crate::domain::draft::PriceDraft;
use contracts::pricing::v1::Reason;
use fault::Fault;
use std::collections::HashMap;
use thiserror::Error;

/// Why the rows cannot all be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RowRefusal {
    /// Which of the two would win is nobody's guess.
    #[error("sets the same price as prices[{of}]")]
    Duplicate {
        /// The later row.
        row: usize,
        /// The earlier row.
        of: usize,
    },
    /// Both would hold at some instant.
    #[error("overlaps the window of prices[{of}]")]
    Overlap {
        /// The later row.
        row: usize,
        /// The earlier row.
        of: usize,
    },
}

/// Refuses rows that set one price twice, and dated rows of one item, scope and currency that
/// overlap.
pub fn check_rows(drafts: &[PriceDraft]) -> Result<(), RowRefusal> {
    let mut seen = HashMap::new();
    for (row, draft) in drafts.iter().enumerate() {
        if let Some(of) = seen.insert(&draft.key, row) {
            return Err(RowRefusal::Duplicate { row, of });
        }
    }
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for (row, draft) in drafts.iter().enumerate().filter(|(_, d)| d.key.window.is_dated()) {
        let key = &draft.key;
        groups.entry((&key.item, &key.scope, key.currency)).or_default().push(row);
    }
    let overlaps = groups.into_values().filter_map(|rows| overlap(drafts, rows));
    // The first in the order of the rows, so that the answer is the same each time.
    match overlaps.min() {
        Some((row, of)) => Err(RowRefusal::Overlap { row, of }),
        None => Ok(()),
    }
}

/// In the order of their beginnings, windows that overlap at all include two neighbours that do.
fn overlap(drafts: &[PriceDraft], mut rows: Vec<usize>) -> Option<(usize, usize)> {
    rows.sort_by_key(|row| drafts[*row].key.window.from());
    let pairs = rows.windows(2).map(|pair| (pair[0].max(pair[1]), pair[0].min(pair[1])));
    pairs.filter(|(row, of)| drafts[*row].key.window.overlaps(&drafts[*of].key.window)).min()
}

impl From<RowRefusal> for Fault {
    fn from(refusal: RowRefusal) -> Self {
        let (reason, row) = match refusal {
            RowRefusal::Duplicate { row, .. } => (Reason::DuplicateRow, row),
            RowRefusal::Overlap { row, .. } => (Reason::OverlappingPrice, row),
        };
        Self::field(reason, format!("prices[{row}]"), refusal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{draft, window};

    fn dated(from: Option<i64>, until: Option<i64>) -> PriceDraft {
        let mut draft = draft("A-1", 100);
        draft.key.window = window(from, until);
        draft
    }

    #[test]
    fn the_later_of_two_equal_rows_is_named() {
        let rows = [draft("A-1", 1), draft("A-2", 1), draft("A-1", 2)];
        assert_eq!(check_rows(&rows), Err(RowRefusal::Duplicate { row: 2, of: 0 }));
        let fault = Fault::from(RowRefusal::Duplicate { row: 2, of: 0 });
        assert!(fault.is(Reason::DuplicateRow));
        assert_eq!(fault.violations()[0].field, "prices[2]");
    }

    #[test]
    fn windows_may_touch_but_not_overlap() {
        let touching = [dated(Some(5), None), dated(None, Some(1)), dated(Some(1), Some(5))];
        assert_eq!(check_rows(&touching), Ok(()));
        let around = [dated(Some(3), Some(4)), dated(Some(6), Some(7)), dated(Some(1), Some(9))];
        assert_eq!(check_rows(&around), Err(RowRefusal::Overlap { row: 2, of: 0 }));
    }

    #[test]
    fn a_dated_row_lives_beside_an_undated_one_and_beside_other_scopes() {
        let mut elsewhere = dated(Some(1), Some(5));
        elsewhere.key.scope.warehouse = Some("W1".into());
        let rows = [dated(Some(1), Some(5)), draft("A-1", 1), elsewhere];
        assert_eq!(check_rows(&rows), Ok(()));
    }
}
