//! The rows of one call: what is wrong with each by itself and among each other.

use crate::domain::draft::PriceDraft;
use crate::domain::item::{Item, Target};
use convert::Fields;
use fault::Fault;
use kernel::window::Window;
use pricing_api::v1::Reason;
use std::collections::{BTreeMap, HashMap};

/// Rows that are good so far, and why others are refused, each by its place in the request. Paths of a refusal are those within its row.
#[derive(Debug, Default)]
pub struct Rows {
    good: BTreeMap<usize, PriceDraft>,
    refused: BTreeMap<usize, Fault>,
}

impl Rows {
    /// Takes the rows, and refuses those that set the same price as an earlier one, or overlap one of the same item, scope and currency.
    pub fn new(rows: impl IntoIterator<Item = Result<PriceDraft, Fault>>) -> Self {
        let mut own = Self::default();
        for (row, draft) in rows.into_iter().enumerate() {
            match draft {
                Ok(draft) => _ = own.good.insert(row, draft),
                Err(fault) => own.refuse(row, fault),
            }
        }
        for (reason, row, message) in own.pairs() {
            own.refuse(row, Fault::field(reason, "", message));
        }
        own
    }

    /// The rows that are good so far, in their order.
    pub fn good(&self) -> &BTreeMap<usize, PriceDraft> {
        &self.good
    }

    /// Why the others are refused.
    pub fn refused(&self) -> &BTreeMap<usize, Fault> {
        &self.refused
    }

    /// Refuses a row.
    pub fn refuse(&mut self, row: usize, fault: Fault) {
        self.good.remove(&row);
        self.refused.insert(row, fault);
    }

    /// Refuses the rows whose item does not exist.
    pub fn require_items(&mut self, live: &BTreeMap<Item, Target>) {
        let unknown: Vec<(usize, Fault)> = self
            .good
            .iter()
            .filter(|(_, draft)| !live.contains_key(&draft.key.item))
            .map(|(row, draft)| (*row, draft.key.item.unknown()))
            .collect();
        unknown.into_iter().for_each(|(row, fault)| self.refuse(row, fault));
    }

    /// Refuses the call if a row is refused; the refusal names all of them.
    pub fn require_all(self) -> Result<BTreeMap<usize, PriceDraft>, Fault> {
        let mut fields = Fields::default();
        for (row, fault) in self.refused {
            fields.within(format_args!("prices[{row}]"), |fields| fields.take::<(), _>(Err(fault)));
        }
        fields.finish()?;
        Ok(self.good)
    }

    /// Rows that do not go together with an earlier one.
    fn pairs(&self) -> Vec<(Reason, usize, String)> {
        let mut refused = Vec::new();
        let mut first = HashMap::new();
        let mut groups: HashMap<_, Vec<(usize, Window)>> = HashMap::new();
        for (row, PriceDraft { key, .. }) in &self.good {
            if let Some(of) = first.get(key) {
                let message = format!("sets the same price as prices[{of}]");
                refused.push((Reason::DuplicateRow, *row, message));
                continue;
            }
            first.insert(key, *row);
            if key.window.is_dated() {
                let group = (&key.item, &key.scope, key.currency);
                groups.entry(group).or_default().push((*row, key.window));
            }
        }
        for rows in groups.into_values() {
            // Each is compared with the earlier ones that are good: of one item they are few.
            let mut kept: Vec<(usize, Window)> = Vec::new();
            for (row, window) in rows {
                match kept.iter().find(|(_, other)| other.overlaps(&window)) {
                    None => kept.push((row, window)),
                    Some((of, _)) => {
                        let message = format!("overlaps the window of prices[{of}]");
                        refused.push((Reason::OverlappingPrice, row, message));
                    }
                }
            }
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{draft, price, window};

    fn dated(from: Option<i64>, until: Option<i64>) -> PriceDraft {
        let mut draft = draft("A-1", 100);
        draft.key.window = window(from, until);
        draft
    }

    type Refusal = (String, String, String);

    /// Reason, field and message of the refusal, or nothing.
    fn refusal(rows: &[PriceDraft]) -> Option<Refusal> {
        let fault = Rows::new(rows.iter().cloned().map(Ok)).require_all().err()?;
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

    #[test]
    fn all_wrong_rows_are_named_in_their_order() {
        let broken = Fault::field(Reason::NegativePrice, "base.minor_units", "is -1");
        let first = price("A-1", 1);
        let drafts = [Ok(draft("A-1", 1)), Ok(draft("A-2", 1)), Ok(draft("A-1", 2)), Err(broken)];
        let mut rows = Rows::new(drafts);
        rows.require_items(&BTreeMap::from([(first.key.item, first.target)]));
        let fault = rows.require_all().unwrap_err();
        let fields: Vec<_> = fault.violations().iter().map(|found| found.field.as_str()).collect();
        assert_eq!(fields, ["prices[1].item.sku", "prices[2]", "prices[3].base.minor_units"]);
        assert!(fault.is(Reason::UnknownItem));
    }
}
