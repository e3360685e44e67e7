//! The state of one source of documents after an event, and which of two states is newer.

use catalog_api::v1::{Attribute, Brand, Category, Product, Variant};
use contracts::Aggregate;
use pricing_api::v1::Price;
use std::collections::BTreeMap;
use uuid::Uuid;
use warehouse_api::v1::{Stock, Warehouse};

/// Types of sources. The order is that in which rows are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// A product.
    Product,
    /// A variant of a product.
    Variant,
    /// A price of a product or of a variant.
    Price,
    /// What there is of a variant in a warehouse.
    Stock,
    /// A category.
    Category,
    /// A brand.
    Brand,
    /// The definition of an attribute.
    Attribute,
    /// A warehouse.
    Warehouse,
}

impl Section {
    /// Every section.
    pub const ALL: [Section; 8] = [
        Section::Product,
        Section::Variant,
        Section::Price,
        Section::Stock,
        Section::Category,
        Section::Brand,
        Section::Attribute,
        Section::Warehouse,
    ];

    /// Its name in the table and in drift reports.
    pub fn name(self) -> &'static str {
        match self {
            Section::Product => "product",
            Section::Variant => "variant",
            Section::Price => "price",
            Section::Stock => "stock",
            Section::Category => "category",
            Section::Brand => "brand",
            Section::Attribute => "attribute",
            Section::Warehouse => "warehouse",
        }
    }

    /// The aggregates that its entries are copies of, by the family of their events.
    pub fn family(self) -> &'static str {
        match self {
            Section::Product => Product::FAMILY,
            Section::Variant => Variant::FAMILY,
            Section::Price => Price::FAMILY,
            Section::Stock => Stock::FAMILY,
            Section::Category => Category::FAMILY,
            Section::Brand => Brand::FAMILY,
            Section::Attribute => Attribute::FAMILY,
            Section::Warehouse => Warehouse::FAMILY,
        }
    }

    /// The subjects of their events.
    pub fn subjects(self) -> &'static [&'static str] {
        match self {
            Section::Product => Product::SUBJECTS,
            Section::Variant => Variant::SUBJECTS,
            Section::Price => Price::SUBJECTS,
            Section::Stock => Stock::SUBJECTS,
            Section::Category => Category::SUBJECTS,
            Section::Brand => Brand::SUBJECTS,
            Section::Attribute => Attribute::SUBJECTS,
            Section::Warehouse => Warehouse::SUBJECTS,
        }
    }

    /// The section of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.name() == name)
    }
}

/// The state of one source at one version. It replaces any older one and never a newer one, so events may come in any
/// order and any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Type of the source.
    pub section: Section,
    /// Id of the source at its owner.
    pub source_id: Uuid,
    /// Version of the source.
    pub version: i64,
    /// Product whose document it belongs to; none for what many documents share.
    pub product_id: Option<Uuid>,
    /// The source's public message; none: it has been deleted.
    pub body: Option<Vec<u8>>,
    /// For stock: where it is.
    pub warehouse_id: Option<Uuid>,
    /// For a product: what its row in `documents` repeats.
    pub filing: Option<Filing>,
}

/// Where a product is filed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filing {
    /// Its brand.
    pub brand_id: Option<Uuid>,
    /// Its direct categories.
    pub category_ids: Vec<Uuid>,
    /// Whether customers may find it.
    pub shown: bool,
}

/// Whether version `incoming` replaces the stored version `current`.
pub fn is_news(current: Option<i64>, incoming: i64) -> bool {
    current.is_none_or(|current| current < incoming)
}

/// Of several states of one source the newest, in a fixed order of sources.
pub fn newest(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let mut newest: BTreeMap<(Section, Uuid), Entry> = BTreeMap::new();
    for entry in entries {
        let key = (entry.section, entry.source_id);
        if is_news(newest.get(&key).map(|known| known.version), entry.version) {
            newest.insert(key, entry);
        }
    }
    newest.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(source: u128, version: i64) -> Entry {
        Entry {
            section: Section::Price,
            source_id: Uuid::from_u128(source),
            version,
            product_id: Some(Uuid::from_u128(1)),
            body: (version % 3 != 0).then(|| version.to_be_bytes().to_vec()),
            warehouse_id: None,
            filing: None,
        }
    }

    #[test]
    fn a_late_older_version_changes_nothing() {
        let kept = newest([entry(1, 7), entry(1, 6)]);
        assert_eq!(kept, [entry(1, 7)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..Default::default() })]
        #[test]
        fn any_order_and_any_repetition_give_the_same(
            events in proptest::collection::vec((0u128..4, 1i64..20), 1..40),
            order in any::<u64>(),
        ) {
            let in_order = newest(events.iter().map(|(source, version)| entry(*source, *version)));
            let mut shuffled: Vec<_> = events.iter().chain(&events).copied().collect();
            let mut seed = order;
            for at in (1..shuffled.len()).rev() {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                shuffled.swap(at, (seed >> 33) as usize % (at + 1));
            }
            let mut folded: Vec<Entry> = Vec::new();
            for chunk in shuffled.chunks(3) {
                let more = chunk.iter().map(|(source, version)| entry(*source, *version));
                folded = newest(folded.into_iter().chain(more));
            }
            prop_assert_eq!(in_order, folded);
        }
    }
}
