//! What can be a row, and which rows of a file name the same. The rule is for the whole file: how it is cut into chunks changes nothing.

use catalog_api::v1::{ImportRow, Reason as Catalog};
use contracts::{Reason, Validate};
use convert::read;
use kernel::digest::sha256;
use kernel::name::fold;
use kernel::price::check_amounts;
use kernel::window::Window;
use pricing_api::v1::{PriceDraft, PriceScope, Reason as Pricing, item::Name};
use prost::Message;
use std::collections::HashMap;

/// A message that can be a row.
pub trait Keyed: Message + prost::Name + Default {
    /// Where its key may stand in its JSON.
    const KEY_PATHS: &'static [&'static [&'static str]];

    /// What earlier lines name.
    type Seen: Default;

    /// The key that identifies the row.
    fn key(&self) -> String;

    /// Remembers what the row names, or says which earlier line names the same: reason and message. A row that breaks rules of its own
    /// names nothing: the service says which.
    fn claim(&self, line: u64, seen: &mut Self::Seen) -> Result<(), (String, String)>;
}

/// Long texts by the first half of their SHA-256.
type Digest = [u8; 16];

fn digest(kind: u8, content: &[u8]) -> Digest {
    let all = [&[kind], content].concat();
    sha256(&all).first_chunk().copied().unwrap_or_default()
}

/// Whether the amounts keep the rules of a price.
fn has_good_amounts(price: &PriceDraft) -> bool {
    let Some(base) = &price.base else { return false };
    let Some(base_minor) = base.minor_units else { return false };
    match &price.sale {
        None => check_amounts(base_minor, None).is_ok(),
        Some(sale) => {
            sale.currency_code == base.currency_code
                && sale.minor_units.is_some()
                && check_amounts(base_minor, sale.minor_units).is_ok()
        }
    }
}

/// Whether an earlier row has this key.
pub fn has_key(seen: &<ImportRow as Keyed>::Seen, key: &str) -> bool {
    seen.contains_key(&digest(b'k', fold(key).as_bytes()))
}

impl Keyed for ImportRow {
    const KEY_PATHS: &'static [&'static [&'static str]] = &[&["key"]];

    type Seen = HashMap<Digest, u64>;

    fn key(&self) -> String {
        self.key.clone()
    }

    fn claim(&self, line: u64, seen: &mut Self::Seen) -> Result<(), (String, String)> {
        if !self.violations().is_empty() {
            return Ok(());
        }
        let key = digest(b'k', fold(&self.key).as_bytes());
        if let Some(of) = seen.get(&key) {
            let message = format!("key: line {of} has the same");
            return Err((Catalog::ProductKeyTaken.name().to_owned(), message));
        }
        let skus = self.variants.iter().map(|own| own.sku.as_bytes());
        let skus: Vec<Digest> = skus.map(|sku| digest(b's', sku)).collect();
        let named = skus.iter().enumerate().filter(|(at, _)| !self.variants[*at].sku.is_empty());
        for (at, sku) in named {
            if let Some(of) = seen.get(sku) {
                let message = format!("variants[{at}].sku: line {of} has the same");
                return Err((Catalog::SkuTaken.name().to_owned(), message));
            }
        }
        seen.extend(skus.into_iter().chain([key]).map(|digest| (digest, line)));
        Ok(())
    }
}

impl Keyed for PriceDraft {
    const KEY_PATHS: &'static [&'static [&'static str]] =
        &[&["item", "sku"], &["item", "productId"], &["item", "product_id"]];

    /// Windows by item, scope and currency, with their lines.
    type Seen = HashMap<Digest, Vec<(Window, u64)>>;

    fn key(&self) -> String {
        match self.item.as_ref().and_then(|item| item.name.as_ref()) {
            Some(Name::Sku(sku)) => sku.clone(),
            Some(Name::ProductId(id)) => id.clone(),
            None => String::new(),
        }
    }

    fn claim(&self, line: u64, seen: &mut Self::Seen) -> Result<(), (String, String)> {
        let window = read(|fields| {
            let (from, until) = (("from", self.from.as_ref()), ("until", self.until.as_ref()));
            fields.window(from, until, Pricing::WindowInvalid)
        });
        let Ok(window) = window else { return Ok(()) };
        if !self.violations().is_empty() || !has_good_amounts(self) {
            return Ok(());
        }
        let currency = self.base.as_ref().map(|base| base.currency_code.as_bytes());
        let scope = self.scope.clone().map(|scope| PriceScope {
            channel: fold(&scope.channel),
            customer_group: fold(&scope.customer_group),
            warehouse_id: scope.warehouse_id.trim().to_owned(),
            customer_id: scope.customer_id.trim().to_owned(),
            ..scope
        });
        let scope = scope.filter(|scope| *scope != PriceScope::default());
        let others = PriceDraft { item: self.item.clone(), scope, ..PriceDraft::default() };
        let name = [currency.unwrap_or_default(), &others.encode_to_vec()].concat();
        let same = seen.entry(digest(b'p', &name)).or_default();
        for (other, of) in same.iter() {
            if *other == window {
                let message = format!("sets the same price as line {of}");
                return Err((Pricing::DuplicateRow.name().to_owned(), message));
            }
            if other.is_dated() && window.is_dated() && other.overlaps(&window) {
                let message = format!("overlaps the window of line {of}");
                return Err((Pricing::OverlappingPrice.name().to_owned(), message));
            }
        }
        same.push((window, line));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog_api::v1::VariantDraft;
    use contracts::types::v1::Money;
    use pricing_api::v1::Item;
    use prost_types::Timestamp;

    fn reasons<M: Keyed>(rows: &[M]) -> Vec<(u64, String)> {
        let mut seen = M::Seen::default();
        let claims = (1..).zip(rows).map(|(line, row)| (line, row.claim(line, &mut seen)));
        claims.filter_map(|(line, claim)| Some((line, claim.err()?.0))).collect()
    }

    #[test]
    fn the_later_of_two_products_with_one_key_or_sku_is_refused() {
        let row = |key: &str, skus: &[&str]| ImportRow {
            key: key.into(),
            title: "T".into(),
            variants: skus
                .iter()
                .map(|sku| VariantDraft { sku: (*sku).into(), ..VariantDraft::default() })
                .collect(),
            ..ImportRow::default()
        };
        // A key is no SKU, and a row that is refused here takes nothing, nor does one that breaks its own rules.
        let untitled = ImportRow { title: String::new(), ..row("c", &["4"]) };
        let rows = [
            row("a", &["1"]),
            row("A ", &["2"]),
            row("b", &["3", "1"]),
            row("1", &["3"]),
            untitled.clone(),
            row("c", &["4"]),
            row("", &["5"]),
            row("", &["6"]),
            row("d", &["", ""]),
            row("e", &[""]),
        ];
        let expected = [(2, "PRODUCT_KEY_TAKEN".to_owned()), (3, "SKU_TAKEN".to_owned())];
        assert_eq!(reasons(&rows), expected);
    }

    #[test]
    fn the_later_of_two_prices_with_one_key_or_overlapping_windows_is_refused() {
        let row = |sku: &str, window: Option<(i64, i64)>, scope| PriceDraft {
            item: Some(Item { name: Some(Name::Sku(sku.into())) }),
            base: Some(Money { currency_code: "USD".into(), minor_units: Some(1) }),
            scope,
            from: window.map(|(from, _)| Timestamp { seconds: from, nanos: 0 }),
            until: window.map(|(_, until)| Timestamp { seconds: until, nanos: 0 }),
            ..PriceDraft::default()
        };
        let in_shop = Some(PriceScope { channel: "shop".into(), ..PriceScope::default() });
        let rows = [
            row("A", None, None),
            row("A", Some((10, 20)), None),
            row("A", Some((20, 30)), None),
            row("B", Some((10, 20)), None),
            row("A", Some((10, 20)), in_shop),
            row("A", None, Some(PriceScope::default())),
            row("A", Some((19, 21)), None),
            row("A", Some((30, 10)), None),
            PriceDraft { base: None, ..row("C", None, None) },
            row("C", None, None),
            row(
                "A",
                Some((10, 20)),
                Some(PriceScope { channel: " SHOP".into(), ..PriceScope::default() }),
            ),
        ];
        let expected = [
            (6, "DUPLICATE_ROW".to_owned()),
            (7, "OVERLAPPING_PRICE".to_owned()),
            (11, "DUPLICATE_ROW".to_owned()),
        ];
        assert_eq!(reasons(&rows), expected);
    }
}
