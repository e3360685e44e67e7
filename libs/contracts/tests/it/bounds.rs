//! What decoding a message may cost.

use catalog_api::v1::{CreateProductRequest, ImportProductsRequest};
use contracts::bounds::check;
use contracts::types::v1::Money;
use contracts::{Validate, Violation};
use pricing_api::v1::{BulkSetPricesRequest, Item, PriceDraft, item::Name};
use prost::Message;
use search_api::v1::SearchProductsRequest;

/// The field of a product's draft with free content.
const SPECIFICATIONS: u8 = 8;

fn excess<M: Validate>(bytes: &[u8]) -> Option<Violation> {
    check(bytes, M::bounds()).err()
}

/// Empty elements of a list: two bytes each, for any list of messages or texts.
fn empty(field: u8, count: usize) -> Vec<u8> {
    [field << 3 | 2, 0].repeat(count)
}

/// A field that holds these bytes.
fn holding(field: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![field << 3 | 2];
    prost::encoding::encode_varint(bytes.len() as u64, &mut message);
    message.extend_from_slice(bytes);
    message
}

#[test]
fn a_list_ends_at_its_first_element_too_many() {
    let found = excess::<BulkSetPricesRequest>(&empty(1, 2_090_000)).unwrap();
    assert_eq!((found.field.as_str(), found.rule), ("prices", "repeated.max_items"));
    assert_eq!(excess::<BulkSetPricesRequest>(&empty(1, 1_000)), None);
    assert_eq!(excess::<BulkSetPricesRequest>(&empty(1, 1_001)).unwrap().field, "prices");
    let facets = SearchProductsRequest { facets: vec![Default::default()], ..Default::default() };
    let facets = facets.encode_to_vec().repeat(2_000_000);
    assert_eq!(excess::<SearchProductsRequest>(&facets).unwrap().field, "facets");
}

#[test]
fn lists_without_a_limit_and_lists_within_lists_are_bounded_by_memory() {
    // part.chunk.rows, whose number the handler limits.
    let rows = holding(2, &empty(2, 2_000_000));
    let found = excess::<ImportProductsRequest>(&rows).unwrap();
    assert_eq!((found.rule, found.field.as_str()), ("memory", "chunk.rows"));
    // product.specifications with one entry whose value is a list of empty values.
    let values = holding(6, &empty(1, 2_000_000));
    let entry = holding(1, &holding(2, &values));
    let product = holding(1, &holding(SPECIFICATIONS, &entry));
    assert_eq!(excess::<CreateProductRequest>(&product).unwrap().rule, "memory");
}

#[test]
fn what_is_honest_passes_and_what_is_no_message_is_left_to_the_decoder() {
    let draft = PriceDraft {
        item: Some(Item { name: Some(Name::Sku("A".repeat(64))) }),
        base: Some(Money { currency_code: "USD".into(), minor_units: Some(100) }),
        ..Default::default()
    };
    let request = BulkSetPricesRequest { prices: vec![draft; 1_000], ..Default::default() };
    assert_eq!(excess::<BulkSetPricesRequest>(&request.encode_to_vec()), None);
    for torn in [&[0x0a, 0xff][..], &[0x0a], &[0xff; 11], &[0x0b]] {
        assert_eq!(excess::<BulkSetPricesRequest>(torn), None);
        assert!(BulkSetPricesRequest::decode(torn).is_err());
    }
}
