//! What is in stock, of one segment's documents for one query.
//!
//! Each product of whose stock anything is known has one term that says so, one for all warehouses and one for each that has any of it,
//! with the masks of the variants that can be bought there. Out of stock is what is tracked and not in stock, so that it takes no term
//! for each warehouse that has nothing. They have a column of their own: searches that do not ask for stock read nothing of it.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use tantivy::DocId;

use super::columns::{Columns, positions, read_document};
use super::terms;
use crate::engine::query::{Facet, Query};

/// Where the terms of stock stand in a segment's dictionary.
struct Places {
    /// The term of tracked products.
    tracked: Range<u64>,
    /// The term of what is in stock in the warehouse of the query, or in any.
    in_stock: Range<u64>,
}

impl Places {
    fn new(columns: &Columns, warehouse: Option<&str>) -> io::Result<Places> {
        Ok(Places {
            tracked: columns.stock.places_of_common(terms::tracked_span())?,
            in_stock: columns.stock.places_of_common(terms::in_stock_span(warehouse))?,
        })
    }
}

/// Finds out which variants are in stock; keeps what it found out about the last document.
pub struct Stock {
    columns: Arc<Columns>,
    places: Places,
    values: Vec<u64>,
    masks: Vec<u64>,
    is_tracked: bool,
    /// The slots that are in stock.
    in_stock: Vec<u64>,
}

impl Stock {
    /// Looks up what the query asks for; `None` if neither what matches nor what is counted depends on stock.
    pub fn asked(columns: &Arc<Columns>, query: &Query) -> io::Result<Option<Stock>> {
        let is_counted = query.facets.iter().any(|request| request.facet == Facet::InStock);
        if !is_counted && query.filters.in_stock.is_none() {
            return Ok(None);
        }
        Ok(Some(Stock {
            columns: Arc::clone(columns),
            places: Places::new(columns, query.warehouse.as_deref())?,
            values: Vec::new(),
            masks: Vec::new(),
            is_tracked: false,
            in_stock: Vec::new(),
        }))
    }

    /// Looks at a document whose masks have so many words.
    pub fn read(&mut self, doc: DocId, words: usize) {
        read_document(self.columns.stock.places(), doc, &mut self.values);
        read_document(&self.columns.stock_masks, doc, &mut self.masks);
        self.is_tracked = !positions(&self.values, &self.places.tracked).is_empty();
        self.in_stock.clear();
        self.in_stock.resize(words, 0);
        for at in positions(&self.values, &self.places.in_stock) {
            self.in_stock[at % words] |= self.masks[at];
        }
    }

    /// The slots that are in stock, or those that are out of stock.
    pub fn passes<'a>(&'a self, wanted: bool, every: &'a [u64]) -> impl Iterator<Item = u64> + 'a {
        let is_tracked = self.is_tracked;
        self.in_stock.iter().zip(every).map(move |(own, every)| match (wanted, is_tracked) {
            (true, _) => *own,
            (false, true) => every & !own,
            (false, false) => 0,
        })
    }

    /// Whether slots of the mask are out of stock, and whether others are in stock.
    pub fn out_of_and_in_stock(&self, mask: &[u64]) -> [bool; 2] {
        let has = |of: fn(u64) -> u64| {
            mask.iter().zip(&self.in_stock).any(|(mask, own)| mask & of(*own) != 0)
        };
        [self.is_tracked && has(|own| !own), has(|own| own)]
    }
}

/// Tells which products are sold out.
pub struct Shelf {
    columns: Arc<Columns>,
    /// Of a query that names a warehouse.
    of_warehouse: Option<Places>,
    /// No product of the segment is sold out everywhere.
    is_full: bool,
    values: Vec<u64>,
}

impl Shelf {
    /// Looks the query's warehouse up.
    pub fn new(columns: &Arc<Columns>, query: &Query) -> io::Result<Shelf> {
        let name = query.warehouse.as_deref();
        Ok(Shelf {
            columns: Arc::clone(columns),
            of_warehouse: name.map(|name| Places::new(columns, Some(name))).transpose()?,
            is_full: columns.sold_out.max_value() == 0,
            values: Vec::new(),
        })
    }

    /// Whether no variant of a product is in stock, though it is tracked.
    pub fn is_sold_out(&mut self, doc: DocId) -> bool {
        if !self.is_full && self.columns.sold_out.first(doc) == Some(1) {
            return true;
        }
        let Some(Places { tracked, in_stock }) = &self.of_warehouse else { return false };
        if tracked.is_empty() {
            return false;
        }
        read_document(self.columns.stock.places(), doc, &mut self.values);
        let has = |places: &Range<u64>| !positions(&self.values, places).is_empty();
        has(tracked) && !has(in_stock)
    }
}
