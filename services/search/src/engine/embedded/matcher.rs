//! Which variants of a document pass which filters, and at what price.

use std::ops::Range;
use std::sync::Arc;

use tantivy::DocId;

use super::columns::{Columns, positions, read_document};
use super::pack::{WORD_BITS, all_slots, slots, words};
use super::plan::{FilterSet, Plan};
use super::prices::{Lowest, Prices};
use super::stock::Stock;
use crate::engine::query::{PriceRange, Query};

/// Looks at one document of a segment after the other; keeps what it found out about the last.
pub struct Matcher {
    columns: Arc<Columns>,
    /// For each term filter, what it accepts, as places in the segment's dictionary.
    term_filters: Vec<Vec<Range<u64>>>,
    price_filter: Option<PriceRange>,
    stock_filter: Option<bool>,
    /// If which variants are in stock is asked for.
    stock: Option<Stock>,
    prices: Option<Prices>,
    slots: usize,
    every_slot: Vec<u64>,
    values: Vec<u64>,
    masks: Vec<u64>,
    /// For each filter the slots that pass it, mask after mask.
    passes: Vec<u64>,
    amounts: Vec<Option<i64>>,
}

impl Matcher {
    /// Looks the filters up in the segment's dictionary.
    pub fn new(
        columns: &Arc<Columns>,
        plan: &Plan,
        query: &Query,
    ) -> Result<Matcher, std::io::Error> {
        let places = |span| columns.values.places_of(span);
        let term_filters = plan.term_filters.iter().filter(|_| plan.depends_on_variants);
        Ok(Matcher {
            columns: Arc::clone(columns),
            term_filters: term_filters
                .map(|filter| filter.spans.iter().map(places).collect())
                .collect::<Result<_, _>>()?,
            price_filter: plan.price_filter,
            stock_filter: plan.stock_filter,
            stock: Stock::asked(columns, query)?,
            prices: Prices::new(columns, &query.pricing, query.at)?,
            slots: 0,
            every_slot: Vec::new(),
            values: Vec::new(),
            masks: Vec::new(),
            passes: Vec::new(),
            amounts: Vec::new(),
        })
    }

    /// Finds out which slots of the document pass which filter.
    pub fn look_at(&mut self, doc: DocId, with_values: bool, with_prices: bool) {
        self.slots = slots(self.columns.variants.count(doc));
        all_slots(self.slots, &mut self.every_slot);
        if with_values {
            read_document(self.columns.values.places(), doc, &mut self.values);
        }
        if let (true, Some(prices)) = (with_prices, &mut self.prices) {
            prices.read(doc, self.slots, &mut self.amounts);
        }
        if with_values && self.has_filters() {
            read_document(&self.columns.masks, doc, &mut self.masks);
        }
        self.passes.clear();
        self.pass_term_filters();
        if let Some(range) = self.price_filter {
            self.pass_price_filter(range);
        }
        if let Some(stock) = &mut self.stock {
            stock.read(doc, self.every_slot.len());
            if let Some(wanted) = self.stock_filter {
                self.passes.extend(stock.passes(wanted, &self.every_slot));
            }
        }
    }

    fn pass_term_filters(&mut self) {
        let words = words(self.slots);
        for filter in &self.term_filters {
            let pass = self.passes.len();
            self.passes.resize(pass + words, 0);
            for accepted in filter {
                for at in positions(&self.values, accepted) {
                    self.passes[pass + at % words] |= self.masks[at];
                }
            }
        }
    }

    fn pass_price_filter(&mut self, range: PriceRange) {
        let pass = self.passes.len();
        self.passes.resize(pass + words(self.slots), 0);
        for (slot, amount) in self.amounts.iter().enumerate() {
            if amount.is_some_and(|amount| range.contains(amount)) {
                self.passes[pass + slot / WORD_BITS] |= 1 << (slot % WORD_BITS);
            }
        }
    }

    /// Whether slots of the mask are out of stock, and whether others are in stock.
    pub fn out_of_and_in_stock(&self, mask: &[u64]) -> [bool; 2] {
        self.stock.as_ref().map_or([false; 2], |stock| stock.out_of_and_in_stock(mask))
    }

    /// Fills the mask with the slots that pass all filters but the given ones, and says whether
    /// there are any.
    pub fn matching_without(&self, ignored: FilterSet, mask: &mut Vec<u64>) -> bool {
        mask.clone_from(&self.every_slot);
        for (number, passes) in self.passes.chunks_exact(mask.len()).enumerate() {
            if ignored & 1 << number == 0 {
                mask.iter_mut().zip(passes).for_each(|(mask, passes)| *mask &= passes);
            }
        }
        mask.iter().any(|word| *word != 0)
    }

    /// The lowest amount of a document all of whose slots match.
    pub fn lowest(&mut self, doc: DocId) -> Option<i64> {
        let slots = || slots(self.columns.variants.count(doc));
        match self.prices.as_ref()?.lowest(doc, slots) {
            Lowest::Known(lowest) => lowest,
            Lowest::NotReadyMade => {
                self.look_at(doc, false, true);
                self.amounts.iter().flatten().min().copied()
            }
        }
    }

    fn has_filters(&self) -> bool {
        !self.term_filters.is_empty() || self.price_filter.is_some() || self.stock_filter.is_some()
    }

    /// The places of the document's distinct values within a range of the dictionary that a slot
    /// of the mask has.
    pub fn values_within<'a>(
        &'a self,
        places: &Range<u64>,
        mask: &'a [u64],
    ) -> impl Iterator<Item = u64> + 'a {
        let words = mask.len();
        // Without filters no masks were read, and every value counts.
        let is_filtered = self.has_filters();
        positions(&self.values, places).step_by(words).filter_map(move |at| {
            let has = |word: usize| self.masks[at + word] & mask[word] != 0;
            (!is_filtered || (0..words).any(has)).then(|| self.values[at])
        })
    }

    /// The amounts of those slots of the mask that have one.
    pub fn amounts_of<'a>(&'a self, mask: &'a [u64]) -> impl Iterator<Item = (usize, i64)> + 'a {
        let is_in = |slot: usize| mask[slot / WORD_BITS] & 1 << (slot % WORD_BITS) != 0;
        self.amounts
            .iter()
            .enumerate()
            .filter(move |(slot, _)| is_in(*slot))
            .filter_map(|(slot, amount)| amount.map(|amount| (slot, amount)))
    }

    /// The cheapest slot of the mask, the first among equals.
    pub fn cheapest(&self, mask: &[u64]) -> Option<(usize, i64)> {
        self.amounts_of(mask).min_by_key(|(_, amount)| *amount)
    }
}
