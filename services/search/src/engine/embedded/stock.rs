//! What is in stock, of one segment's documents for one query.
//!
//! Each product of whose stock anything is known has one term that says so, one for all warehouses and one for each that has any of it,
//! with the masks of the variants that can be bought there (see `pack`). Out of stock is what is tracked and not in stock, so that it
//! takes no term for each warehouse that has nothing.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use tantivy::DocId;

use super::columns::{Columns, read_document};
use super::terms;
use crate::engine::query::{Facet, Query};

/// Where the terms of stock stand in a segment's dictionary.
#[derive(Clone)]
pub struct StockPlaces {
    /// The term of tracked products.
    pub tracked: Range<u64>,
    /// The term of what is in stock in the warehouse of the query, or in any.
    pub in_stock: Range<u64>,
}

impl StockPlaces {
    /// Looks them up.
    pub fn new(columns: &Columns, warehouse: Option<&str>) -> io::Result<StockPlaces> {
        Ok(StockPlaces {
            tracked: columns.values.places_of_common(terms::tracked_span())?,
            in_stock: columns.values.places_of_common(terms::in_stock_span(warehouse))?,
        })
    }

    /// The same, if which variants are in stock decides what matches or what is counted.
    pub fn asked(columns: &Columns, query: &Query) -> io::Result<Option<StockPlaces>> {
        let is_counted = query.facets.iter().any(|request| request.facet == Facet::InStock);
        let is_asked = is_counted || query.filters.in_stock.is_some();
        is_asked.then(|| StockPlaces::new(columns, query.warehouse.as_deref())).transpose()
    }
}

/// Tells which products are sold out.
pub struct Shelf {
    columns: Arc<Columns>,
    /// Of a query that names a warehouse.
    of_warehouse: Option<StockPlaces>,
    /// No product of the segment is sold out everywhere.
    is_full: bool,
    values: Vec<u64>,
}

impl Shelf {
    /// Looks the query's warehouse up.
    pub fn new(columns: &Arc<Columns>, query: &Query) -> io::Result<Shelf> {
        let name = query.warehouse.as_deref();
        let of_warehouse = name.map(|name| StockPlaces::new(columns, Some(name))).transpose()?;
        Ok(Shelf {
            columns: Arc::clone(columns),
            of_warehouse,
            is_full: columns.sold_out.max_value() == 0,
            values: Vec::new(),
        })
    }

    /// Whether no variant of a product is in stock, though it is tracked.
    pub fn is_sold_out(&mut self, doc: DocId) -> bool {
        if !self.is_full && self.columns.sold_out.first(doc) == Some(1) {
            return true;
        }
        let Some(StockPlaces { tracked, in_stock }) = &self.of_warehouse else { return false };
        if tracked.is_empty() {
            return false;
        }
        read_document(self.columns.values.places(), doc, &mut self.values);
        let has = |places: &Range<u64>| self.values.iter().any(|place| places.contains(place));
        has(tracked) && !has(in_stock)
    }
}
