//! The columns of one segment, opened once and read by every query.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use tantivy::columnar::{BytesColumn, Column, DynamicColumn, HasAssociatedColumnType, TermOrdHit};
use tantivy::{DocId, SegmentReader, TantivyError};
use uuid::Uuid;

use super::schema::column;
use super::terms::Span;

/// How many spans a column caches the places of; one more clears the cache.
const MAX_CACHED_SPANS: usize = 500;

/// The columns; the content of each is documented with the names of the fields.
pub struct Columns {
    /// See `schema::column`, as all below.
    pub product: UuidColumn,
    pub revision: Column<i64>,
    pub created_at: Column<i64>,
    pub sold_out: Column<u64>,
    pub variants: UuidColumn,
    pub values: TermColumn,
    pub masks: Column<u64>,
    pub stock: TermColumn,
    pub stock_masks: Column<u64>,
    pub amounts: Column<u64>,
    pub priced_since: Column<i64>,
    pub priced_until: Column<i64>,
    pub price_rows: Column<u64>,
    pub price_scopes: TermColumn,
}

impl Columns {
    /// Opens the columns of a segment.
    pub fn open(segment: &SegmentReader) -> Result<Columns, TantivyError> {
        Ok(Columns {
            product: UuidColumn::open(segment, column::PRODUCT)?,
            revision: open(segment, column::REVISION)?,
            created_at: open(segment, column::CREATED_AT)?,
            sold_out: open(segment, column::SOLD_OUT)?,
            variants: UuidColumn::open(segment, column::VARIANT)?,
            values: TermColumn::open(segment, column::VALUES)?,
            masks: open(segment, column::MASKS)?,
            stock: TermColumn::open(segment, column::STOCK)?,
            stock_masks: open(segment, column::STOCK_MASKS)?,
            amounts: open(segment, column::AMOUNTS)?,
            priced_since: open(segment, column::PRICED_SINCE)?,
            priced_until: open(segment, column::PRICED_UNTIL)?,
            price_rows: open(segment, column::PRICE_ROWS)?,
            price_scopes: TermColumn::open(segment, column::PRICE_SCOPES)?,
        })
    }
}

/// UUIDs as two columns of numbers.
pub struct UuidColumn {
    high: Column<u64>,
    low: Column<u64>,
}

impl UuidColumn {
    fn open(segment: &SegmentReader, [high, low]: [&str; 2]) -> Result<UuidColumn, TantivyError> {
        Ok(UuidColumn { high: open(segment, high)?, low: open(segment, low)? })
    }

    /// How many the document has.
    pub fn count(&self, doc: DocId) -> usize {
        self.high.index.value_row_ids(doc).len()
    }

    /// The document's first one, or its nth; the nil UUID if it has none such.
    pub fn get(&self, doc: DocId, nth: usize) -> Uuid {
        let of = |column: &Column<u64>| column.values_for_doc(doc).nth(nth).unwrap_or_default();
        Uuid::from_u64_pair(of(&self.high), of(&self.low))
    }
}

/// Terms as their places in the segment's sorted dictionary.
pub struct TermColumn {
    column: BytesColumn,
    known: RwLock<HashMap<Span, Range<u64>>>,
}

impl TermColumn {
    fn open(segment: &SegmentReader, name: &str) -> Result<TermColumn, TantivyError> {
        let column = segment.fast_fields().bytes(name)?;
        let column = column.unwrap_or_else(|| BytesColumn::empty(segment.max_doc()));
        Ok(TermColumn { column, known: RwLock::default() })
    }

    /// The places of each document's terms, in the order in which it was given them.
    pub fn places(&self) -> &Column<u64> {
        self.column.ords()
    }

    /// The place of a term, if any document has it.
    pub fn place(&self, term: &[u8]) -> Result<Option<u64>, std::io::Error> {
        self.column.dictionary().term_ord(term)
    }

    /// The places of all terms of the span.
    pub fn places_of(&self, span: &Span) -> Result<Range<u64>, std::io::Error> {
        let place = |term: &[u8]| -> Result<u64, std::io::Error> {
            Ok(match self.column.dictionary().term_ord_or_next(term)? {
                TermOrdHit::Exact(place) => place,
                TermOrdHit::Next(place) => place.min(self.column.num_terms() as u64),
            })
        };
        Ok(place(&span.start)?..place(&span.end)?)
    }

    /// As `places_of`, but cached: worth it for spans that many queries use, such as those of
    /// facets.
    pub fn places_of_common(&self, span: Span) -> Result<Range<u64>, std::io::Error> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&span).cloned();
        if let Some(places) = known {
            return Ok(places);
        }
        let places = self.places_of(&span)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_CACHED_SPANS {
            known.clear();
        }
        known.insert(span, places.clone());
        Ok(places)
    }

    /// The terms at places given in ascending order.
    pub fn terms(&self, places: &[u64]) -> Result<Vec<Vec<u8>>, std::io::Error> {
        let mut terms = Vec::with_capacity(places.len());
        self.column
            .dictionary()
            .sorted_ords_to_term_cb(places, |term| terms.push(term.to_vec()))?;
        Ok(terms)
    }
}

fn open<T>(segment: &SegmentReader, name: &str) -> Result<Column<T>, TantivyError>
where
    T: HasAssociatedColumnType + PartialOrd + Default,
    DynamicColumn: Into<Option<Column<T>>>,
{
    let column = segment.fast_fields().column_opt(name)?;
    Ok(column.unwrap_or_else(|| Column::build_empty_column(segment.max_doc())))
}

/// Replaces what the buffer holds by the document's values.
pub fn read_document(column: &Column<u64>, doc: DocId, buffer: &mut Vec<u64>) {
    read_rows(column, column.index.value_row_ids(doc), buffer);
}

/// Replaces what the buffer holds by those values of the column, in one call for all of them.
pub fn read_rows(column: &Column<u64>, rows: Range<u32>, buffer: &mut Vec<u64>) {
    buffer.clear();
    buffer.resize(rows.len(), 0);
    if !buffer.is_empty() {
        column.values.get_range(u64::from(rows.start), buffer);
    }
}

/// Where the values within a range of the dictionary stand among a document's, which are sorted.
pub fn positions(values: &[u64], places: &Range<u64>) -> Range<usize> {
    let from = values.partition_point(|place| *place < places.start);
    let count = values[from..].iter().take_while(|place| **place < places.end).count();
    from..from + count
}
