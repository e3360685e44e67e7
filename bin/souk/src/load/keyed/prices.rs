//! Prices: named by item, scope, currency and window.

use super::{Digest, Keyed, digest};
use contracts::Reason;
use contracts::types::v1::Money;
use kernel::window::Window;
use pricing::domain::draft::PriceKey;
use pricing::wire;
use pricing_api::v1::{PriceDraft, Reason as Pricing, item::Name};
use prost::Message;
use std::collections::HashMap;

/// Windows of prices by item, scope and currency, with the lines.
#[derive(Debug, Default)]
pub struct Windows {
    lines: HashMap<Digest, Vec<(Window, u64)>>,
}

impl Windows {
    fn claim(&mut self, line: u64, key: &PriceKey) -> Result<(), (Pricing, String)> {
        let window = key.window;
        let same = self.lines.entry(without_window(key)).or_default();
        for (other, of) in same.iter() {
            if *other == window {
                return Err((Pricing::DuplicateRow, format!("sets the same price as line {of}")));
            }
            if other.is_dated() && window.is_dated() && other.overlaps(&window) {
                let message = format!("overlaps the window of line {of}");
                return Err((Pricing::OverlappingPrice, message));
            }
        }
        same.push((window, line));
        Ok(())
    }
}

fn without_window(key: &PriceKey) -> Digest {
    let currency_code = key.currency.code().to_owned();
    let draft = PriceDraft {
        item: Some((&key.item).into()),
        scope: wire::scope_message(&key.scope),
        base: Some(Money { currency_code, minor_units: None }),
        ..PriceDraft::default()
    };
    digest(b'p', &draft.encode_to_vec())
}

impl Keyed for PriceDraft {
    const KEY_PATHS: &'static [&'static [&'static str]] =
        &[&["item", "sku"], &["item", "productId"], &["item", "product_id"]];

    type Seen = Windows;

    fn key(&self) -> String {
        match self.item.as_ref().and_then(|item| item.name.as_ref()) {
            Some(Name::Sku(sku)) => sku.clone(),
            Some(Name::ProductId(id)) => id.clone(),
            None => String::new(),
        }
    }

    fn claim(&self, line: u64, seen: &mut Windows) -> Result<(), (String, String)> {
        let Ok(draft) = wire::row(self) else { return Ok(()) };
        let claimed = seen.claim(line, &draft.key);
        claimed.map_err(|(reason, message)| (reason.name().to_owned(), message))
    }
}

#[cfg(test)]
mod tests {
    use super::super::reasons;
    use super::*;
    use pricing_api::v1::{Item, PriceScope};
    use prost_types::Timestamp;

    fn row(sku: &str, window: Option<(i64, i64)>) -> PriceDraft {
        PriceDraft {
            item: Some(Item { name: Some(Name::Sku(sku.into())) }),
            base: amount("USD", Some(1)),
            from: window.map(|(from, _)| Timestamp { seconds: from, nanos: 0 }),
            until: window.map(|(_, until)| Timestamp { seconds: until, nanos: 0 }),
            ..PriceDraft::default()
        }
    }

    fn amount(currency: &str, minor_units: Option<i64>) -> Option<Money> {
        Some(Money { currency_code: currency.into(), minor_units })
    }

    fn scoped(scope: PriceScope, draft: PriceDraft) -> PriceDraft {
        PriceDraft { scope: Some(scope), ..draft }
    }

    fn channel(channel: &str) -> PriceScope {
        PriceScope { channel: channel.into(), ..PriceScope::default() }
    }

    #[test]
    fn the_later_of_two_prices_with_one_key_or_overlapping_windows_is_refused() {
        let by_id = |id: &str| {
            let item = Some(Item { name: Some(Name::ProductId(id.into())) });
            PriceDraft { item, ..row("", None) }
        };
        let warehouse = |id: &str| PriceScope { warehouse_id: id.into(), ..PriceScope::default() };
        let rows = [
            row("A", None),
            row("A", Some((10, 20))),
            row("A", Some((20, 30))),
            row("B", Some((10, 20))),
            scoped(channel("shop"), row("A", Some((10, 20)))),
            scoped(PriceScope::default(), row("A", None)),
            row("A", Some((19, 21))),
            PriceDraft { base: amount("EUR", Some(1)), ..row("A", None) },
            scoped(channel(" SHOP"), row("A", Some((10, 20)))),
            scoped(warehouse("W"), row("A", None)),
            scoped(warehouse(" W "), row("A", None)),
            scoped(warehouse("w"), row("A", None)),
            by_id("018f0000-0000-7000-8000-00000000000a"),
            by_id("018F0000-0000-7000-8000-00000000000A"),
        ];
        let expected = [
            (6, "DUPLICATE_ROW"),
            (7, "OVERLAPPING_PRICE"),
            (9, "DUPLICATE_ROW"),
            (11, "DUPLICATE_ROW"),
            (14, "DUPLICATE_ROW"),
        ];
        assert_eq!(reasons(&rows), expected.map(|(line, reason)| (line, reason.to_owned())));
    }

    #[test]
    fn a_price_that_pricing_cannot_read_takes_nothing_from_later_ones() {
        let good = || scoped(channel("web"), row("A", Some((10, 20))));
        let group = PriceScope { customer_group: " ".into(), ..channel("web") };
        let customer = PriceScope { customer_id: "c\u{200b}".into(), ..channel("web") };
        for bad in [
            PriceDraft { base: None, ..good() },
            PriceDraft { base: amount("USD", None), ..good() },
            PriceDraft { base: amount("USD", Some(-1)), ..good() },
            PriceDraft { sale: amount("USD", Some(2)), ..good() },
            PriceDraft { sale: amount("USD", None), ..good() },
            PriceDraft { sale: amount("EUR", Some(1)), ..good() },
            PriceDraft { sale: amount("XXX", Some(1)), ..good() },
            PriceDraft { until: Some(Timestamp { seconds: 9, nanos: 0 }), ..good() },
            PriceDraft { until: Some(Timestamp { seconds: 30, nanos: -1 }), ..good() },
            scoped(channel("we\u{200b}b"), good()),
            scoped(group, good()),
            scoped(customer, good()),
        ] {
            assert_eq!(reasons(&[bad.clone(), good()]), [], "{bad:?}");
        }
        let unscoped = row("A", Some((10, 20)));
        assert_eq!(reasons(&[scoped(channel(" "), unscoped.clone()), unscoped]), []);
        let item = |sku: &str| row(sku, None);
        assert_eq!(reasons(&[item(" A"), item(" A"), item("A")]), []);
    }
}
