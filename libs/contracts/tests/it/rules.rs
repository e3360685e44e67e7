//! Validation rules of generated messages.

use contracts::Validate;
use contracts::types::v1::Money;
use pricing_api::v1::{BatchGetPricesRequest, Item, PriceContext, PriceDraft, item::Name};

fn draft(sku: &str) -> PriceDraft {
    PriceDraft {
        item: Some(Item { name: Some(Name::Sku(sku.to_owned())) }),
        base: Some(Money { currency_code: "USD".into(), minor_units: Some(100) }),
        ..Default::default()
    }
}

fn broken(message: &impl Validate) -> Vec<(String, &'static str)> {
    message.violations().iter().map(|v| (v.field.clone(), v.rule)).collect()
}

#[test]
fn every_violation_is_named_with_its_full_path() {
    let item = |name| Item { name };
    let request = BatchGetPricesRequest {
        items: vec![
            item(Some(Name::Sku("ok".into()))),
            item(Some(Name::Sku("x".repeat(65)))),
            item(None),
            item(Some(Name::Sku("\u{7}".into()))),
        ],
        context: Some(PriceContext { currency_code: "US".into(), ..Default::default() }),
    };
    assert_eq!(
        broken(&request),
        [
            ("items[1].sku".to_owned(), "string.max_len"),
            ("items[2].name".to_owned(), "required"),
            ("items[3].sku".to_owned(), "string.control"),
            ("context.currency_code".to_owned(), "string.len"),
        ]
    );
}

#[test]
fn an_empty_message_lacks_what_is_required() {
    assert_eq!(
        broken(&BatchGetPricesRequest::default()),
        [("items".to_owned(), "repeated.min_items"), ("context".to_owned(), "required")]
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
