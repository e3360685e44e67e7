//! Products: named by their key and by the SKUs of their variants.

use super::{Digest, Keyed, digest};
use catalog::domain::import::Row;
use catalog::wire::import;
use catalog_api::v1::{ImportRow, Reason as Catalog};
use contracts::Reason;
use kernel::name::fold;
use std::collections::{HashMap, HashSet};

/// What products name, with the lines.
#[derive(Debug, Default)]
pub struct Names {
    lines: HashMap<Digest, u64>,
    /// Keys of rows that are refused. They take nothing, but what they name is in the file.
    refused: HashSet<Digest>,
}

impl Names {
    /// Whether a row has this key, a refused one included.
    pub fn has_key(&self, key: &str) -> bool {
        let key = of_key(key);
        self.lines.contains_key(&key) || self.refused.contains(&key)
    }

    fn claim(&mut self, line: u64, row: &Row) -> Result<(), (Catalog, String)> {
        let key = of_key(row.content.key.as_deref().unwrap_or_default());
        if let Some(of) = self.lines.get(&key) {
            let message = format!("key: line {of} has the same");
            return Err((Catalog::ProductKeyTaken, message));
        }
        let skus = row.variants.iter().map(|own| digest(b's', own.sku.as_str().as_bytes()));
        let skus: Vec<Digest> = skus.collect();
        for (at, sku) in skus.iter().enumerate() {
            if let Some(of) = self.lines.get(sku) {
                let message = format!("variants[{at}].sku: line {of} has the same");
                return Err((Catalog::SkuTaken, message));
            }
        }
        self.lines.extend(skus.into_iter().chain([key]).map(|digest| (digest, line)));
        Ok(())
    }
}

fn of_key(key: &str) -> Digest {
    digest(b'k', fold(key).as_bytes())
}

impl Keyed for ImportRow {
    const KEY_PATHS: &'static [&'static [&'static str]] = &[&["key"]];

    type Seen = Names;

    fn key(&self) -> String {
        self.key.clone()
    }

    fn claim(&self, line: u64, seen: &mut Names) -> Result<(), (String, String)> {
        let Ok(row) = import::row(self) else {
            self.mention(seen);
            return Ok(());
        };
        seen.claim(line, &row).map_err(|(reason, message)| (reason.name().to_owned(), message))
    }

    fn mention(&self, seen: &mut Names) {
        seen.refused.insert(of_key(&self.key));
    }
}

#[cfg(test)]
mod tests {
    use super::super::reasons;
    use super::*;
    use catalog_api::v1::{Tier1Attributes, VariantDraft};

    fn variant(sku: &str) -> VariantDraft {
        let tier1 = Tier1Attributes { color: format!("of {sku}"), ..Tier1Attributes::default() };
        VariantDraft { sku: sku.into(), tier1_attributes: Some(tier1), ..VariantDraft::default() }
    }

    fn row(key: &str, skus: &[&str]) -> ImportRow {
        ImportRow {
            key: key.into(),
            title: "T".into(),
            variants: skus.iter().map(|sku| variant(sku)).collect(),
            ..ImportRow::default()
        }
    }

    #[test]
    fn the_later_of_two_products_with_one_key_or_sku_is_refused() {
        // A key is no SKU, and a row that is refused here takes nothing.
        let rows = [
            row("a", &["1"]),
            row("A ", &["2"]),
            row("b", &["3", "1"]),
            row("1", &["3"]),
            row("c", &["2"]),
        ];
        let expected = [(2, "PRODUCT_KEY_TAKEN".to_owned()), (3, "SKU_TAKEN".to_owned())];
        assert_eq!(reasons(&rows), expected);
    }

    #[test]
    fn a_product_that_the_catalogue_cannot_read_takes_nothing_from_later_ones() {
        let good = || row("a", &["1"]);
        let titled = |title: &str| ImportRow { title: title.into(), ..good() };
        let alike = [variant("1"), VariantDraft { sku: "2".into(), ..variant("1") }];
        for bad in [
            titled(""),
            titled(" \t"),
            titled("T\u{200b}"),
            row("", &["1"]),
            row(" ", &["1"]),
            row("a\u{feff}", &["1"]),
            row("a", &[]),
            row("a", &["1", ""]),
            row("a", &["1", " 2"]),
            row("a", &["1", "é"]),
            row("a", &["1", "2", "1"]),
            ImportRow { variants: alike.into(), ..good() },
            ImportRow { brand: "Ac\u{200b}me".into(), ..good() },
            ImportRow { category_keys: vec![" ".into()], ..good() },
        ] {
            assert_eq!(reasons(&[bad.clone(), good()]), [], "{bad:?}");
        }
    }
}
