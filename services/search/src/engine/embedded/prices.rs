//! Prices as columns, and which of them apply to a query.
//!
//! Ready-made: for each currency of the document one word that names it, one for the lowest
//! amount, then one for each variant. An amount is the unscoped one plus one, or 0 where there is
//! none. They hold within `[priced_since, priced_until)`, which no window of an unscoped row begins
//! or ends in.
//!
//! In full: the rows themselves, four words each, rows of all variants first, then variant by
//! variant. They answer at any other instant, and for scopes where some row names one. A document
//! all of whose rows are unscoped and undated needs none. Row ids are left out: they end ties
//! between equal amounts, and only the amount matters here.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kernel::currency::Currency;
use kernel::price::{Level, PriceContext, PriceRow, Scope, next_edge, select};
use kernel::window::Window;
use tantivy::{DocId, TantivyDocument};
use uuid::Uuid;

use super::columns::{Columns, read_document, read_rows};
use super::schema::Fields;
use crate::engine::document::{Document, VariantDocument};
use crate::engine::query::PriceScope;

/// The currency and the lowest amount, before the amounts.
const HEAD_WORDS: usize = 2;
const ROW_WORDS: usize = 4;
/// The owner of a row that applies to all variants.
const ALL_VARIANTS: u64 = 0xffff_ffff;
const LEVEL_SKU: u64 = 1 << 32;
const NAMES: [u64; 3] = [1 << 33, 1 << 34, 1 << 35];
const CURRENCY_SHIFT: u32 = 40;
/// Open ends of windows. Real instants lie far inside.
const NO_START: i64 = i64::MIN;
const NO_END: i64 = i64::MAX;

/// Adds the document's prices to its columns.
pub fn pack(fields: &Fields, document: &Document, packed: &mut TantivyDocument) {
    let rows = || document.variants.iter().flat_map(|variant| &variant.prices).filter(is_public);
    let currencies: BTreeSet<Currency> = rows().map(|row| row.currency).collect();
    for currency in &currencies {
        packed.add_u64(fields.amounts, currency_word(*currency));
        let context = PriceContext::new(*currency, document.priced_at);
        let amounts: Vec<Option<i64>> = document
            .variants
            .iter()
            .map(|variant| select(variant.prices.iter().filter(is_public), &context))
            .map(|row| row.map(PriceRow::amount))
            .collect();
        let lowest = amounts.iter().flatten().min().copied();
        for amount in [lowest].into_iter().chain(amounts) {
            packed.add_u64(fields.amounts, amount.map_or(0, |amount| amount as u64 + 1));
        }
    }

    let edges = rows()
        .filter(|row| row.scope.is_unscoped())
        .flat_map(|row| [row.window.from(), row.window.until()])
        .flatten();
    let since = edges.filter(|edge| *edge <= document.priced_at).max();
    let until = currencies.iter().filter_map(|it| next_edge(rows(), *it, document.priced_at)).min();
    packed.add_i64(fields.priced_since, since.map_or(NO_START, |at| at.timestamp_micros()));
    packed.add_i64(fields.priced_until, until.map_or(NO_END, |at| at.timestamp_micros()));
    if since.is_some() || until.is_some() || rows().any(|row| !row.scope.is_unscoped()) {
        pack_rows(fields, &document.variants, packed);
    }
}

/// Search has no customer: a row for some of them applies to none of its queries.
fn is_public(row: &&PriceRow<String>) -> bool {
    row.scope.customer.is_none() && row.scope.group.is_none()
}

fn pack_rows(fields: &Fields, variants: &[VariantDocument], packed: &mut TantivyDocument) {
    let is_everywhere =
        |row: &&PriceRow<String>| variants.iter().all(|variant| variant.prices.contains(row));
    let first = variants.first().into_iter().flat_map(|variant| &variant.prices);
    let shared: Vec<_> = first.filter(is_public).filter(is_everywhere).collect();
    shared.iter().for_each(|row| pack_row(fields, ALL_VARIANTS, row, packed));
    for (owner, variant) in (0..).zip(variants) {
        let own = variant.prices.iter().filter(is_public).filter(|row| !shared.contains(row));
        own.for_each(|row| pack_row(fields, owner, row, packed));
    }
}

fn pack_row(fields: &Fields, owner: u64, row: &PriceRow<String>, packed: &mut TantivyDocument) {
    let mut head = owner | currency_word(row.currency) << CURRENCY_SHIFT;
    if row.level == Level::Sku {
        head |= LEVEL_SKU;
    }
    let names = [&row.scope.warehouse, &row.scope.channel, &row.scope.country];
    for (name, bit) in names.into_iter().zip(NAMES) {
        if let Some(name) = name {
            head |= bit;
            packed.add_bytes(fields.price_scopes, name.as_bytes());
        }
    }
    let from = row.window.from().map_or(NO_START, |at| at.timestamp_micros());
    let until = row.window.until().map_or(NO_END, |at| at.timestamp_micros());
    for word in [head, row.amount() as u64, from as u64, until as u64] {
        packed.add_u64(fields.price_rows, word);
    }
}

fn currency_word(currency: Currency) -> u64 {
    currency.code().bytes().fold(0, |word, byte| word << 8 | u64::from(byte))
}

/// What is known of a document's lowest amount without looking at each of its slots.
pub enum Lowest {
    /// It is this; none where no slot has an amount.
    Known(Option<i64>),
    /// The amounts that apply to the query are not ready-made.
    NotReadyMade,
}

/// Evaluates the prices of one segment's documents for one query.
pub struct Prices {
    columns: Arc<Columns>,
    currency: Currency,
    at: DateTime<Utc>,
    /// The places of the query's warehouse, channel and country in the segment's dictionary.
    scope: [Option<u64>; 3],
    is_scoped: bool,
    /// No document of the segment has passed an edge.
    is_current: bool,
    words: Vec<u64>,
    names: Vec<u64>,
    rows: Vec<(u64, PriceRow<u64>)>,
}

impl Prices {
    /// Looks up the query's scope in the segment's dictionary; `None` if the query has no currency.
    pub fn new(
        columns: &Arc<Columns>,
        pricing: &PriceScope,
        at: DateTime<Utc>,
    ) -> Result<Option<Prices>, std::io::Error> {
        let Some(currency) = pricing.currency else { return Ok(None) };
        let place = |name: &Option<String>| match name {
            Some(name) => columns.price_scopes.place(name.as_bytes()),
            None => Ok(None),
        };
        let scope =
            [place(&pricing.warehouse)?, place(&pricing.channel)?, place(&pricing.country)?];
        let now = at.timestamp_micros();
        Ok(Some(Prices {
            columns: Arc::clone(columns),
            currency,
            at,
            scope,
            is_scoped: scope.iter().any(Option::is_some),
            is_current: columns.priced_since.max_value() <= now
                && now < columns.priced_until.min_value(),
            words: Vec::new(),
            names: Vec::new(),
            rows: Vec::new(),
        }))
    }

    /// The amounts of the document's slots, in their order; `None` where no row applies.
    pub fn read(&mut self, doc: DocId, slots: usize, amounts: &mut Vec<Option<i64>>) {
        amounts.clear();
        if self.is_ready_made(doc) {
            self.read_ready_made(doc, slots, amounts);
        } else {
            self.select_from_rows(doc, slots, amounts);
        }
        amounts.resize(slots, None);
    }

    /// The lowest amount of the document's slots, or that it has to be found among all of them.
    pub fn lowest(&self, doc: DocId, slots: impl FnOnce() -> usize) -> Lowest {
        if !self.is_ready_made(doc) {
            return Lowest::NotReadyMade;
        }
        let head = self.head(doc, slots);
        Lowest::Known(head.and_then(|head| amount(self.columns.amounts.values.get_val(head + 1))))
    }

    /// The row of the word that names the query's currency.
    fn head(&self, doc: DocId, slots: impl FnOnce() -> usize) -> Option<u32> {
        let column = &self.columns.amounts;
        let mut rows = column.index.value_row_ids(doc);
        let wanted = currency_word(self.currency);
        let is_wanted = |row: &u32| column.values.get_val(*row) == wanted;
        let first = rows.start;
        if rows.is_empty() || is_wanted(&first) {
            return rows.next();
        }
        rows.step_by(HEAD_WORDS + slots()).find(is_wanted)
    }

    fn is_ready_made(&self, doc: DocId) -> bool {
        // A scope that no row of the segment names has no place, and changes nothing.
        if self.is_scoped && !self.columns.price_scopes.places().index.value_row_ids(doc).is_empty()
        {
            return false;
        }
        let now = self.at.timestamp_micros();
        self.is_current
            || self.columns.priced_since.first(doc).is_none_or(|since| since <= now)
                && self.columns.priced_until.first(doc).is_none_or(|until| now < until)
    }

    fn read_ready_made(&mut self, doc: DocId, slots: usize, amounts: &mut Vec<Option<i64>>) {
        if let Some(head) = self.head(doc, || slots) {
            let first = head + HEAD_WORDS as u32;
            read_rows(&self.columns.amounts, first..first + slots as u32, &mut self.words);
            amounts.extend(self.words.iter().copied().map(amount));
        }
    }

    fn select_from_rows(&mut self, doc: DocId, slots: usize, amounts: &mut Vec<Option<i64>>) {
        self.read_rows(doc);
        let [warehouse, channel, country] = self.scope.each_ref().map(Option::as_ref);
        let context = PriceContext {
            warehouse,
            channel,
            country,
            ..PriceContext::new(self.currency, self.at)
        };
        let (every, own) =
            self.rows.split_at(self.rows.partition_point(|(owner, _)| *owner == ALL_VARIANTS));
        let mut own = own;
        for slot in 0..slots as u64 {
            let (of_slot, after) = own.split_at(own.partition_point(|(owner, _)| *owner <= slot));
            own = after;
            let rows = every.iter().chain(of_slot).map(|(_, row)| row);
            amounts.push(select(rows, &context).map(PriceRow::amount));
        }
    }

    /// Decodes the rows of the document that are in the query's currency.
    fn read_rows(&mut self, doc: DocId) {
        let Prices { columns, words, names, rows, .. } = self;
        read_document(&columns.price_rows, doc, words);
        read_document(columns.price_scopes.places(), doc, names);
        let mut names = names.iter().copied();
        rows.clear();
        let (packed_rows, _) = words.as_chunks::<ROW_WORDS>();
        for [head, amount, from, until] in packed_rows {
            let [warehouse, channel, country] =
                NAMES.map(|bit| if head & bit == 0 { None } else { names.next() });
            let window = Window::try_new(instant(*from), instant(*until));
            let (Ok(window), true) =
                (window, head >> CURRENCY_SHIFT == currency_word(self.currency))
            else {
                continue;
            };
            let level = if head & LEVEL_SKU == 0 { Level::Product } else { Level::Sku };
            let row = PriceRow {
                id: Uuid::nil(),
                level,
                currency: self.currency,
                scope: Scope { warehouse, channel, country, ..Scope::UNSCOPED },
                window,
                base: *amount as i64,
                sale: None,
            };
            rows.push((head & ALL_VARIANTS, row));
        }
    }
}

fn amount(word: u64) -> Option<i64> {
    word.checked_sub(1).map(|amount| amount as i64)
}

fn instant(word: u64) -> Option<DateTime<Utc>> {
    match word as i64 {
        NO_START | NO_END => None,
        micros => DateTime::from_timestamp_micros(micros),
    }
}
