//! Validation rules of generated messages.

use contracts::Validate;
use contracts::types::v1::Money;
use pricing_api::v1::{BulkSetPricesRequest, Item, PriceDraft, item::Name};

fn draft(sku: &str) -> PriceDraft {
    PriceDraft {
        item: Some(Item { name: Some(Name::Sku(sku.to_owned())) }),
        base: Some(Money { currency_code: "USD".into(), minor_units: 100 }),
        ..Default::default()
    }
}

fn broken(message: &impl Validate) -> Vec<(String, &'static str)> {
    message.violations().into_iter().map(|v| (v.field, v.rule)).collect()
}

#[test]
fn every_violation_is_named_with_its_full_path() {
    let nameless = PriceDraft { item: Some(Item { name: None }), ..draft("x") };
    let mut foreign = draft("ok");
    foreign.sale = Some(Money { currency_code: "US".into(), minor_units: 1 });
    let request = BulkSetPricesRequest {
        prices: vec![draft("ok"), draft(&"x".repeat(65)), nameless, foreign],
        request_id: "no-uuid".into(),
        ..Default::default()
    };
    assert_eq!(
        broken(&request),
        [
            ("prices[1].item.sku".to_owned(), "string.max_len"),
            ("prices[2].item.name".to_owned(), "required"),
            ("prices[3].sale.currency_code".to_owned(), "string.len"),
            ("request_id".to_owned(), "string.uuid"),
        ]
    );
}

#[test]
fn an_empty_message_lacks_what_is_required() {
    assert_eq!(
        broken(&BulkSetPricesRequest::default()),
        [("prices".to_owned(), "repeated.min_items")]
    );
}

#[test]
fn lengths_count_characters_and_not_bytes() {
    assert_eq!(broken(&draft(&"é".repeat(64))), []);
}

#[test]
fn rows_under_an_error_policy_are_left_to_their_handler() {
    use catalog_api::v1::{ImportChunk, ImportRow};
    let chunk = ImportChunk { sequence: 1, rows: vec![ImportRow::default()] };
    assert_eq!(broken(&chunk), []);
    assert_eq!(
        broken(&ImportRow::default()),
        [
            ("key".to_owned(), "string.min_len"),
            ("title".to_owned(), "string.min_len"),
            ("variants".to_owned(), "repeated.min_items"),
        ]
    );
}
