//! Whether a service can decode a row. Where it cannot, it refuses the whole request before it looks at any row of it, so such a row
//! must not be sent among others.

use super::UNREADABLE;
use catalog_api::v1::import_products_request::Part;
use catalog_api::v1::{ImportChunk, ImportProductsRequest, ImportRow};
use contracts::{Reason, Validate, bounds};
use fault::Common;
use pricing_api::v1::{BulkSetPricesRequest, PriceDraft};
use prost::Message;
use rest::scan::TOO_DEEP;
use warehouse_api::v1::{BatchUpdateStockRequest, StockUpdate};

/// A message that is sent as a row of a request.
pub trait Carried: Message + Clone {
    /// What carries it.
    type Request: Message + Default + Validate;

    /// Path of the only row of a request.
    const PLACE: &'static str;

    /// The request with these rows.
    fn request(rows: Vec<Self>) -> Self::Request;
}

impl Carried for ImportRow {
    type Request = ImportProductsRequest;

    const PLACE: &'static str = "chunk.rows[0].";

    fn request(rows: Vec<Self>) -> ImportProductsRequest {
        let chunk = ImportChunk { sequence: 1, rows };
        ImportProductsRequest { part: Some(Part::Chunk(chunk)) }
    }
}

impl Carried for PriceDraft {
    type Request = BulkSetPricesRequest;

    const PLACE: &'static str = "prices[0].";

    fn request(prices: Vec<Self>) -> BulkSetPricesRequest {
        BulkSetPricesRequest { prices, ..BulkSetPricesRequest::default() }
    }
}

impl Carried for StockUpdate {
    type Request = BatchUpdateStockRequest;

    const PLACE: &'static str = "updates[0].";

    fn request(updates: Vec<Self>) -> BatchUpdateStockRequest {
        BatchUpdateStockRequest { updates, ..BatchUpdateStockRequest::default() }
    }
}

/// Refuses a row with a list that is longer than the contract allows, or that nests too deep: reason and message.
pub fn require_decodable<M: Carried>(row: &M) -> Result<(), (String, String)> {
    let bytes = M::request(vec![row.clone()]).encode_to_vec();
    if let Err(excess) = bounds::check(&bytes, M::Request::bounds()) {
        let path = excess.field.strip_prefix(M::PLACE).unwrap_or(&excess.field);
        let message = format!("{path}: {}", excess.message);
        return Err((Common::InvalidField.name().to_owned(), message));
    }
    // What was encoded just now can be wrong in one way only.
    match M::Request::decode(&*bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err((UNREADABLE.to_owned(), TOO_DEEP.to_owned())),
    }
}

/// Whether one request may have all these rows: their elements take more memory than their bytes tell.
pub fn are_decodable<'m, M: Carried + 'm>(rows: impl Iterator<Item = &'m M>) -> bool {
    let bytes = M::request(rows.cloned().collect()).encode_to_vec();
    bounds::check(&bytes, M::Request::bounds()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog_api::v1::{AttributeValue, TextList, VariantDraft, attribute_value::Value};
    use prost_types::value::Kind;
    use prost_types::{ListValue, Struct, Value as Json};

    fn refusal(row: &ImportRow) -> Option<(String, String)> {
        require_decodable(row).err()
    }

    #[test]
    fn a_list_over_its_limit_is_named_with_the_limit() {
        let variants = |count: usize| vec![VariantDraft::default(); count];
        let keys = |count: usize| vec![String::new(); count];
        let texts = Value::Texts(TextList { values: keys(101) });
        let attributes = vec![AttributeValue { value: Some(texts), ..AttributeValue::default() }];
        let held = VariantDraft { tier2_attributes: attributes, ..VariantDraft::default() };
        let within =
            ImportRow { variants: variants(100), category_keys: keys(50), ..ImportRow::default() };
        assert_eq!(refusal(&within), None, "other rules are the service's to name");
        for (row, path, limit) in [
            (ImportRow { variants: variants(101), ..within.clone() }, "variants", 100),
            (ImportRow { category_keys: keys(51), ..within.clone() }, "category_keys", 50),
            (
                ImportRow { variants: vec![VariantDraft::default(), held], ..within },
                "variants[1].tier2_attributes[0].texts.values",
                100,
            ),
        ] {
            let message = format!("{path}: must contain no more than {limit} item(s)");
            assert_eq!(refusal(&row), Some(("INVALID_FIELD".to_owned(), message)));
        }
        assert_eq!(require_decodable(&PriceDraft::default()), Ok(()));
    }

    #[test]
    fn what_nests_too_deep_for_a_request_is_refused_though_it_could_be_read_alone() {
        let nested = |depth: usize| {
            let leaf = Json { kind: Some(Kind::BoolValue(true)) };
            let value = (0..depth).fold(leaf, |inner, _| Json {
                kind: Some(Kind::ListValue(ListValue { values: vec![inner] })),
            });
            let specifications = Some(Struct { fields: [("a".to_owned(), value)].into() });
            ImportRow { specifications, ..ImportRow::default() }
        };
        let alone = |row: &ImportRow| ImportRow::decode(&*row.encode_to_vec()).is_ok();
        let rows = || (1..60).map(nested);
        assert_eq!(refusal(&nested(10)), None);
        let torn: Vec<_> = rows().filter(alone).filter_map(|row| refusal(&row)).collect();
        assert!(!torn.is_empty());
        assert!(torn.iter().all(|(reason, message)| reason == UNREADABLE && message == TOO_DEEP));
    }
}
