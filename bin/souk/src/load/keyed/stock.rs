//! Stock: named by SKU and warehouse.

use super::{Digest, Keyed, digest};
use kernel::name::fold;
use std::collections::HashMap;
use warehouse_api::v1::StockUpdate;

impl Keyed for StockUpdate {
    const KEY_PATHS: &'static [&'static [&'static str]] = &[&["sku"]];

    type Seen = HashMap<Digest, u64>;

    fn key(&self) -> String {
        self.sku.clone()
    }

    /// Codes and ids are two names of one warehouse: where a file mixes them, warehouse itself refuses the second row of a call.
    fn claim(&self, line: u64, seen: &mut Self::Seen) -> Result<(), (String, String)> {
        let (id, code) = (self.warehouse_id.to_lowercase(), fold(self.warehouse_code.trim()));
        let key = [self.sku.as_str(), &id, &code].join("\0");
        match seen.insert(digest(b'l', key.as_bytes()), line) {
            None => Ok(()),
            Some(of) => {
                let message = format!("line {of} has the same SKU and warehouse");
                Err(("DUPLICATE_ROW".to_owned(), message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reasons;
    use super::*;

    #[test]
    fn the_later_of_two_rows_of_a_level_is_refused() {
        let row = |sku: &str, code: &str| StockUpdate {
            sku: sku.into(),
            warehouse_code: code.into(),
            ..StockUpdate::default()
        };
        let rows = [row("A", "W1"), row("A", "W2"), row("a", "W1"), row("A", "w1 ")];
        assert_eq!(reasons(&rows), [(4, "DUPLICATE_ROW".to_owned())]);
    }
}
