//! The rows of one call: what is wrong with each by itself and among each other.

use crate::domain::draft::{PriceDraft, PriceKey};
use crate::domain::item::{Item, Items};
use crate::domain::update::PriceUpdate;
use convert::Fields;
use fault::Fault;
use kernel::window::Window;
use pricing_api::v1::Reason;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Rows that are good so far, and why others are refused, each by its place in the request. Paths of a refusal are those within its row.
#[derive(Debug)]
pub struct Rows<T> {
    good: BTreeMap<usize, T>,
    refused: BTreeMap<usize, Fault>,
}

impl<T> Rows<T> {
    fn new(rows: impl IntoIterator<Item = Result<T, Fault>>) -> Self {
        let mut own = Self { good: BTreeMap::new(), refused: BTreeMap::new() };
        for (row, value) in rows.into_iter().enumerate() {
            match value {
                Ok(value) => _ = own.good.insert(row, value),
                Err(fault) => own.refuse(row, fault),
            }
        }
        own
    }

    /// The rows that are good so far, in their order.
    pub fn good(&self) -> &BTreeMap<usize, T> {
        &self.good
    }

    /// Why the others are refused.
    pub fn refused(&self) -> &BTreeMap<usize, Fault> {
        &self.refused
    }

    /// Takes out why the others are refused.
    pub fn take_refused(&mut self) -> BTreeMap<usize, Fault> {
        std::mem::take(&mut self.refused)
    }

    /// Refuses a row.
    fn refuse(&mut self, row: usize, fault: Fault) {
        self.good.remove(&row);
        self.refused.insert(row, fault);
    }

    fn refuse_all(&mut self, refused: impl IntoIterator<Item = (usize, Fault)>) {
        refused.into_iter().for_each(|(row, fault)| self.refuse(row, fault));
    }
}

impl Rows<PriceDraft> {
    /// Takes prices to set, and refuses those that set the same price as an earlier one, or overlap one of the same item, scope and
    /// currency.
    pub fn of_drafts(rows: impl IntoIterator<Item = Result<PriceDraft, Fault>>) -> Self {
        let mut own = Self::new(rows);
        let refused = clashes(own.good.iter().map(|(row, draft)| (*row, &draft.key)), "prices");
        own.refuse_all(refused);
        own
    }

    /// The items of the rows that are good so far.
    pub fn items(&self) -> BTreeSet<&Item> {
        self.good.values().map(|draft| &draft.key.item).collect()
    }

    /// Refuses the rows whose item does not exist.
    pub fn require_items(&mut self, items: &Items) {
        let missing = self.good.iter().map(|(row, draft)| (*row, items.require(&draft.key.item)));
        let missing: Vec<_> =
            missing.filter_map(|(row, target)| Some((row, target.err()?))).collect();
        self.refuse_all(missing);
    }
}

impl Rows<PriceUpdate> {
    /// Takes updates, and refuses those of the same price as an earlier one.
    pub fn of_updates(rows: impl IntoIterator<Item = Result<PriceUpdate, Fault>>) -> Self {
        let mut own = Self::new(rows);
        let (mut first, mut refused) = (HashMap::new(), Vec::new());
        for (row, update) in &own.good {
            if let Some(of) = first.get(&update.id) {
                let message = format!("changes the same price as updates[{of}]");
                refused.push((*row, Fault::field(Reason::DuplicateRow, "price_id", message)));
            } else {
                first.insert(update.id, *row);
            }
        }
        own.refuse_all(refused);
        own
    }
}

/// Rows of `list` whose keys do not go together with that of an earlier one.
pub fn clashes<'k>(
    rows: impl IntoIterator<Item = (usize, &'k PriceKey)>,
    list: &str,
) -> Vec<(usize, Fault)> {
    let mut refused = Vec::new();
    let mut first = HashMap::new();
    let mut groups: HashMap<_, Vec<(usize, Window)>> = HashMap::new();
    for (row, key) in rows {
        if let Some(of) = first.get(key) {
            let message = format!("sets the same price as {list}[{of}]");
            refused.push((row, Fault::field(Reason::DuplicateRow, "", message)));
            continue;
        }
        first.insert(key, row);
        if key.window.is_dated() {
            let group = (&key.item, &key.scope, key.currency);
            groups.entry(group).or_default().push((row, key.window));
        }
    }
    for rows in groups.into_values() {
        // Each is compared with the earlier ones that are good: of one item they are few.
        let mut kept: Vec<(usize, Window)> = Vec::new();
        for (row, window) in rows {
            match kept.iter().find(|(_, other)| other.overlaps(&window)) {
                None => kept.push((row, window)),
                Some((of, _)) => {
                    let message = format!("overlaps the window of {list}[{of}]");
                    refused.push((row, Fault::field(Reason::OverlappingPrice, "", message)));
                }
            }
        }
    }
    refused
}

/// Refuses the call if a row of either list is refused; the refusal names all of them.
pub fn require_all(
    updates: BTreeMap<usize, Fault>,
    prices: BTreeMap<usize, Fault>,
) -> Result<(), Fault> {
    let mut fields = Fields::default();
    for (list, refused) in [("updates", updates), ("prices", prices)] {
        for (row, fault) in refused {
            let path = format!("{list}[{row}]");
            fields.within(path, |fields| fields.take::<(), _>(Err(fault)));
        }
    }
    fields.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::item::Known;
    use crate::domain::samples::{draft, price, window};

    fn dated(from: Option<i64>, until: Option<i64>) -> PriceDraft {
        let mut draft = draft("A-1", 100);
        draft.key.window = window(from, until);
        draft
    }

    type Refusal = (String, String, String);

    /// Reason, field and message of the refusal, or nothing.
    fn refusal(rows: &[PriceDraft]) -> Option<Refusal> {
        let rows = Rows::of_drafts(rows.iter().cloned().map(Ok));
        let fault = require_all(BTreeMap::new(), rows.refused).err()?;
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
        let mut rows = Rows::of_drafts(drafts);
        rows.require_items(&Items::from_iter([(first.key.item, Known::Live(first.target))]));
        let fault = require_all(BTreeMap::new(), rows.refused).unwrap_err();
        let fields: Vec<_> = fault.violations().iter().map(|found| found.field.as_str()).collect();
        assert_eq!(fields, ["prices[1].item.sku", "prices[2]", "prices[3].base.minor_units"]);
        assert!(fault.is(Reason::UnknownItem));
    }
}
