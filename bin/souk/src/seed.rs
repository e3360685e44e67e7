//! The sample shop: a generated assortment of invented brands. It is deterministic: the same seed always gives the same bytes, so a
//! second run changes nothing. A smaller shop is a prefix of a larger one.

mod attributes;
mod brands;
mod data;
pub mod events;
mod kinds;
mod prices;
mod products;
mod random;
mod stock;
mod tree;
mod words;

pub use stock::warehouses;
pub use tree::Category;

use catalog_api::v1::{AttributeDraft, ImportRow};
use pricing_api::v1::PriceDraft;
use warehouse_api::v1::StockUpdate;

/// What to generate.
#[derive(Debug, Clone, Copy)]
pub struct Shop {
    /// How many products.
    pub products: u32,
    /// Seed of the random generator.
    pub seed: u64,
}

impl Shop {
    /// The tree of categories, parents first.
    pub fn categories(&self) -> Vec<Category> {
        tree::categories()
    }

    /// Names of all brands.
    pub fn brands(&self) -> Vec<&'static str> {
        brands::all().collect()
    }

    /// Definitions of all attributes.
    pub fn attributes(&self) -> Vec<AttributeDraft> {
        attributes::definitions()
    }

    /// The products, each with its variants.
    pub fn rows(&self) -> impl Iterator<Item = ImportRow> {
        let seed = self.seed;
        (0..self.products).map(move |number| products::row(seed, number))
    }

    /// Stock of all variants in three warehouses: most have some, a few are nearly or wholly sold out.
    pub fn stock(&self) -> impl Iterator<Item = StockUpdate> {
        let seed = self.seed;
        (0..self.products).flat_map(move |number| stock::of(seed, number))
    }

    /// Prices of all variants: in USD and EUR, some with a sale, some for one warehouse.
    pub fn prices(&self) -> impl Iterator<Item = PriceDraft> {
        let seed = self.seed;
        (0..self.products).flat_map(move |number| prices::of(seed, number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog_api::v1::attribute_value::Value;
    use catalog_api::v1::{AttributeType, AttributeValue};
    use contracts::Validate;
    use kernel::sku::Sku;
    use pricing_api::v1::item::Name;
    use prost::Message;
    use std::collections::{BTreeMap, BTreeSet, HashSet};

    const SHOP: Shop = Shop { products: 2_000, seed: 1 };

    fn bytes(shop: Shop) -> Vec<u8> {
        let rows = shop.rows().flat_map(|row| row.encode_to_vec());
        rows.chain(shop.prices().flat_map(|price| price.encode_to_vec())).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_bytes() {
        assert!(bytes(SHOP) == bytes(SHOP));
        assert!(bytes(SHOP) != bytes(Shop { seed: 2, ..SHOP }));
        let fewer = Shop { products: 10, ..SHOP };
        assert_eq!(fewer.rows().collect::<Vec<_>>(), SHOP.rows().take(10).collect::<Vec<_>>());
    }

    /// Other bytes for the same seed would change every shop that was seeded before.
    #[test]
    fn the_bytes_are_those_of_the_release_before() {
        let digest = kernel::digest::hex(&kernel::digest::sha256(&bytes(SHOP)));
        assert_eq!(&digest[..16], "0f99407fffd691e0");
    }

    #[test]
    fn everything_keeps_the_contracts_rules() {
        for row in SHOP.rows() {
            assert!(row.violations().is_empty(), "{row:?}");
            assert!((1..=6).contains(&row.variants.len()), "{row:?}");
        }
        for price in SHOP.prices() {
            assert!(price.violations().is_empty());
            let (base, sale) = (price.base.unwrap(), price.sale);
            assert!(
                base.minor_units() > 0
                    && sale.is_none_or(|s| (1..base.minor_units()).contains(&s.minor_units()))
            );
        }
        for attribute in SHOP.attributes() {
            assert!(attribute.violations().is_empty(), "{attribute:?}");
        }
    }

    #[test]
    fn keys_skus_titles_and_options_are_unique() {
        let (mut keys, mut skus, mut titles) = (HashSet::new(), HashSet::new(), HashSet::new());
        for row in SHOP.rows() {
            let mut options = BTreeSet::new();
            for variant in &row.variants {
                assert!(
                    Sku::parse(&variant.sku).is_ok() && skus.insert(variant.sku.clone()),
                    "{row:?}"
                );
                assert!(variant.sku.starts_with(&row.key));
                let defining =
                    format!("{:?} {:?}", variant.tier1_attributes, variant.tier2_attributes);
                assert!(options.insert(defining), "{row:?}");
            }
            assert!(keys.insert(row.key.clone()), "{}", row.key);
            assert!(titles.insert(row.title.clone()), "{}", row.title);
        }
    }

    #[test]
    fn the_tree_has_three_levels_and_each_leaf_is_used() {
        let categories = SHOP.categories();
        let depth: BTreeMap<&str, usize> =
            categories.iter().fold(BTreeMap::new(), |mut depths, own| {
                let above = own.parent.map_or(0, |parent| depths[parent]);
                assert!(depths.insert(own.key, above + 1).is_none(), "{} comes twice", own.key);
                depths
            });
        assert_eq!(depth.values().max(), Some(&3));
        assert!((38..=45).contains(&categories.len()), "{}", categories.len());
        let used: HashSet<String> = SHOP.rows().flat_map(|row| row.category_keys).collect();
        let leaves: HashSet<String> = categories
            .iter()
            .filter(|own| depth[own.key] == 3)
            .map(|own| own.key.to_owned())
            .collect();
        assert_eq!(used, leaves);
    }

    #[test]
    fn brands_are_many_and_their_codes_differ() {
        let brands = SHOP.brands();
        let codes: HashSet<String> = brands.iter().map(|brand| brands::code(brand)).collect();
        assert_eq!((brands.len(), codes.len()), (60, 60));
        let used: HashSet<String> = SHOP.rows().map(|row| row.brand).collect();
        assert_eq!(used.len(), 60);
    }

    #[test]
    fn values_follow_their_definitions() {
        let defined: BTreeMap<String, AttributeDraft> =
            SHOP.attributes().into_iter().map(|draft| (draft.code.clone(), draft)).collect();
        assert_eq!(defined.len(), SHOP.attributes().len());
        let fits = |value: &AttributeValue| {
            let definition = &defined[&value.code];
            match (definition.r#type(), value.value.as_ref().unwrap()) {
                (AttributeType::Enum, Value::Text(text)) => {
                    definition.allowed_values.contains(text)
                }
                (AttributeType::Text, Value::Text(text)) => !text.is_empty(),
                (AttributeType::Number | AttributeType::Measurement, Value::Number(_))
                | (AttributeType::Bool, Value::Boolean(_)) => true,
                _ => false,
            }
        };
        for row in SHOP.rows() {
            assert!((4..=8).contains(&row.tier2_attributes.len()), "{row:?}");
            let of_variants = row.variants.iter().flat_map(|variant| &variant.tier2_attributes);
            for value in of_variants.clone() {
                assert!(defined[&value.code].variant_defining, "{value:?}");
            }
            for value in row.tier2_attributes.iter().chain(of_variants) {
                assert!(fits(value), "{value:?}");
            }
        }
    }

    #[test]
    fn every_variant_has_prices_in_two_currencies_and_some_are_special() {
        let skus: Vec<String> =
            SHOP.rows().flat_map(|row| row.variants).map(|variant| variant.sku).collect();
        let mut plain: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let (mut sales, mut scoped) = (0, 0);
        for price in SHOP.prices() {
            let Some(Name::Sku(sku)) = price.item.unwrap().name else { panic!("not by SKU") };
            sales += usize::from(price.sale.is_some());
            match price.scope {
                Some(_) => scoped += 1,
                None => {
                    assert!(plain.entry(sku).or_default().insert(price.base.unwrap().currency_code))
                }
            }
        }
        assert_eq!(plain.len(), skus.len());
        assert!(plain.values().all(|currencies| currencies.len() == 2));
        assert!(sales > skus.len() / 10 && scoped > skus.len() / 50, "{sales} {scoped}");
    }
}
