//! Rules for the rows of one call among each other.

use crate::domain::draft::PriceDraft;
use fault::Fault;
use pricing_api::v1::Reason;
use std::collections::HashMap;

/// Refuses rows that set one price twice, and dated rows of one item, scope and currency that
/// overlap.
pub fn check_rows(drafts: &[PriceDraft]) -> Result<(), Fault> {
    let mut seen = HashMap::new();
    for (row, draft) in drafts.iter().enumerate() {
        if let Some(of) = seen.insert(&draft.key, row) {
            let message = format!("sets the same price as prices[{of}]");
            return Err(refused(Reason::DuplicateRow, row, message));
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
        Some((row, of)) => {
            let message = format!("overlaps the window of prices[{of}]");
            Err(refused(Reason::OverlappingPrice, row, message))
        }
        None => Ok(()),
    }
}

/// In the order of their beginnings, windows that overlap at all include two neighbours that do.
fn overlap(drafts: &[PriceDraft], mut rows: Vec<usize>) -> Option<(usize, usize)> {
    rows.sort_by_key(|row| drafts[*row].key.window.from());
    let pairs = rows.windows(2).map(|pair| (pair[0].max(pair[1]), pair[0].min(pair[1])));
    pairs.filter(|(row, of)| drafts[*row].key.window.overlaps(&drafts[*of].key.window)).min()
}

/// A row is refused by its place in the request.
fn refused(reason: Reason, row: usize, message: String) -> Fault {
    Fault::field(reason, format!("prices[{row}]"), message)
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

    type Refusal = (String, String, String);

    /// Reason, field and message of the refusal, or nothing.
    fn refusal(rows: &[PriceDraft]) -> Option<Refusal> {
        let fault = check_rows(rows).err()?;
        let violation = &fault.violations()[0];
        Some((fault.reason().to_owned(), violation.field.clone(), violation.message.clone()))
    }

    /// The third row is refused.
    fn refused(reason: &str, message: &str) -> Option<Refusal> {
        Some((reason.to_owned(), "prices[2]".to_owned(), message.to_owned()))
    }

    #[test]
    fn the_later_of_two_equal_rows_is_named() {
        let rows = [draft("A-1", 1), draft("A-2", 1), draft("A-1", 2)];
        assert_eq!(refusal(&rows), refused("DUPLICATE_ROW", "sets the same price as prices[0]"));
    }

    #[test]
    fn windows_may_touch_but_not_overlap() {
        let touching = [dated(Some(5), None), dated(None, Some(1)), dated(Some(1), Some(5))];
        assert_eq!(refusal(&touching), None);
        let around = [dated(Some(3), Some(4)), dated(Some(6), Some(7)), dated(Some(1), Some(9))];
        let overlap = refused("OVERLAPPING_PRICE", "overlaps the window of prices[0]");
        assert_eq!(refusal(&around), overlap);
    }

    #[test]
    fn a_dated_row_lives_beside_an_undated_one_and_beside_other_scopes() {
        let mut elsewhere = dated(Some(1), Some(5));
        elsewhere.key.scope.warehouse = Some("W1".into());
        let rows = [dated(Some(1), Some(5)), draft("A-1", 1), elsewhere];
        assert_eq!(refusal(&rows), None);
    }
}
