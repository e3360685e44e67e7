//! A product as a row of columns.
//!
//! Each distinct value stands once per product, and beside it the set of variants that have it as
//! a bit mask. So a filter is an OR of masks, several filters are an AND of them, and whether a
//! facet counts a value is one AND more; nothing is ever looked up by variant. A mask of more
//! than 64 variants takes several words: the value then stands once for each word.

use std::collections::BTreeMap;
use std::iter;

use tantivy::TantivyDocument;
use tantivy::schema::Field;

use super::schema::Fields;
use super::{prices, repeated, terms};
use crate::engine::document::{Document, VariantDocument};
use crate::engine::text;

/// Variants per mask word.
pub const WORD_BITS: usize = 64;

/// How many variants a product counts as. One without variants counts as one without attributes
/// or prices, so that its brand and categories need no second way of matching.
pub fn slots(variants: usize) -> usize {
    variants.max(1)
}

/// How many words a mask of that many slots takes.
pub fn words(slots: usize) -> usize {
    slots.div_ceil(WORD_BITS)
}

/// Fills the mask with the set of all slots.
pub fn all_slots(slots: usize, mask: &mut Vec<u64>) {
    mask.clear();
    mask.resize(words(slots), u64::MAX);
    let rest = slots % WORD_BITS;
    if let (Some(last), 1..) = (mask.last_mut(), rest) {
        *last = (1 << rest) - 1;
    }
}

/// The document as tantivy takes it.
pub fn pack(fields: &Fields, document: &Document) -> TantivyDocument {
    let mut packed = TantivyDocument::new();
    packed.add_bytes(fields.product_key, document.product_id.as_bytes());
    for (field, half) in fields.product.into_iter().zip(halves(document.product_id)) {
        packed.add_u64(field, half);
    }
    packed.add_i64(fields.revision, document.revision);
    packed.add_i64(fields.created_at, document.created_at.timestamp_micros());
    packed.add_u64(fields.sold_out, u64::from(is_sold_out(document)));
    // Three times as often counts like BM25 with a k1 of a third, which tantivy does not let one set.
    packed.add_text(fields.text, repeated::text(text::words_of(document)));
    for variant in &document.variants {
        for code in text::codes(&variant.sku) {
            packed.add_text(fields.sku, code);
        }
        for (field, half) in fields.variant.into_iter().zip(halves(variant.variant_id)) {
            packed.add_u64(field, half);
        }
    }
    let values = [fields.values, fields.masks];
    add_masks(&mut packed, values, masks_by_term(document));
    let stock = [fields.stock, fields.stock_masks];
    add_masks(&mut packed, stock, masks_by_stock(document));
    prices::pack(fields, document, &mut packed);
    packed
}

fn is_sold_out(document: &Document) -> bool {
    document.is_tracked && document.variants.iter().all(|variant| variant.in_stock.is_empty())
}

/// A UUID as two numbers; they compare as the UUID does.
fn halves(id: uuid::Uuid) -> [u64; 2] {
    let (high, low) = id.as_u64_pair();
    [high, low]
}

type Masks = BTreeMap<Vec<u8>, Vec<u64>>;

/// Each term once for each word of its mask, with the words beside it.
fn add_masks(packed: &mut TantivyDocument, [terms, words]: [Field; 2], masks: Masks) {
    for (term, mask) in masks {
        for word in mask {
            packed.add_bytes(terms, &term);
            packed.add_u64(words, word);
        }
    }
}

fn masks_by_term(document: &Document) -> Masks {
    let brand = document.brand_id.map(|brand_id| terms::brand(brand_id, &document.brand));
    let categories = document.category_ids.iter().map(|category_id| terms::category(*category_id));
    let own = |variant: &VariantDocument| -> Vec<Vec<u8>> {
        let attributes = variant.attributes.iter();
        attributes.filter_map(|it| terms::attribute(&it.code, &it.value)).collect()
    };
    masks(document, brand.into_iter().chain(categories), own)
}

fn masks_by_stock(document: &Document) -> Masks {
    if !document.is_tracked {
        return Masks::new();
    }
    masks(document, iter::once(terms::tracked()), |variant| in_stock(variant).collect())
}

/// The terms of all variants, and those of each.
fn masks(
    document: &Document,
    of_all: impl Iterator<Item = Vec<u8>>,
    own: impl Fn(&VariantDocument) -> Vec<Vec<u8>>,
) -> Masks {
    let mut every = Vec::new();
    all_slots(slots(document.variants.len()), &mut every);
    let mut masks: Masks = of_all.map(|term| (term, every.clone())).collect();
    for (slot, variant) in document.variants.iter().enumerate() {
        for term in own(variant) {
            let mask = masks.entry(term).or_insert_with(|| vec![0; every.len()]);
            mask[slot / WORD_BITS] |= 1 << (slot % WORD_BITS);
        }
    }
    masks
}

/// The terms of a variant's stock: of each warehouse that has it, and of all together.
fn in_stock(variant: &VariantDocument) -> impl Iterator<Item = Vec<u8>> {
    let anywhere = (!variant.in_stock.is_empty()).then(|| terms::in_stock(None));
    let warehouses = variant.in_stock.iter().map(|name| terms::in_stock(Some(name)));
    anywhere.into_iter().chain(warehouses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_of_all_slots_has_exactly_their_bits() {
        let all = |slots| {
            let mut mask = vec![7];
            all_slots(slots, &mut mask);
            mask
        };
        assert_eq!(all(slots(0)), [1]);
        assert_eq!(all(3), [0b111]);
        assert_eq!(all(64), [u64::MAX]);
        assert_eq!(all(65), [u64::MAX, 1]);
    }
}
