//! Refusals reach a client with default limits, and say all that is wrong.

use crate::shop::{create, product, sku, usd};
use catalog_api::v1::UpdateProductRequest;
use contracts::types::v1::Money;
use pricing_api::v1::price_check::Outcome;
use pricing_api::v1::{
    BulkSetPricesRequest, GetPriceRequest, PriceContext, PriceDraft, SetPriceRequest,
};
use prost_types::FieldMask;
use testkit::{Mesh, reason};
use tonic::Code;
use tonic_types::StatusExt;

fn draft(item: &str, base: Option<Money>) -> PriceDraft {
    PriceDraft { item: sku(item), base, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_call_with_many_bad_rows_is_refused_and_a_check_names_each() {
    let mesh = Mesh::boot(&[catalog::ROLE, pricing::ROLE]).await;
    create(&mesh, product("Desk", &["D-1", "D-2"])).await;
    let mut prices: Vec<PriceDraft> =
        (0..160).map(|n| draft(&format!("{}-{n}", "unknown".repeat(8)), usd(1))).collect();
    prices.extend([draft("D-1", usd(5)), draft("D-2", usd(5)), draft("D-1", usd(6))]);
    let request = BulkSetPricesRequest { prices, ..Default::default() };
    let status = mesh.pricing().bulk_set_prices(request.clone()).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "UNKNOWN_ITEM")
    );
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["violation_count"], "161");
    let named = &details.bad_request().unwrap().field_violations;
    assert_eq!((named.len(), named[0].field.as_str()), (20, "prices[0].item.sku"));

    let check = BulkSetPricesRequest { validate_only: true, ..request };
    let answer = mesh.pricing().bulk_set_prices(check).await.unwrap().into_inner();
    assert_eq!((answer.created, answer.refused, answer.checks.len()), (2, 161, 163));
    let outcomes: Vec<_> = answer.checks.iter().map(|check| check.outcome()).collect();
    assert!(outcomes[..160].iter().all(|outcome| *outcome == Outcome::Refused));
    assert_eq!(outcomes[160..], [Outcome::Created, Outcome::Created, Outcome::Refused]);
    assert_eq!(answer.checks[162].reason, "DUPLICATE_ROW");
    assert_eq!(answer.checks[162].message, "sets the same price as prices[160]");
    assert_eq!(answer.checks[0].fields, ["item.sku"]);
    assert_eq!(mesh.count("pricing", "select count(*) from prices").await, 0);
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_that_is_left_out_is_not_0() {
    let mesh = Mesh::boot(&[catalog::ROLE, pricing::ROLE]).await;
    create(&mesh, product("Desk", &["D-1"])).await;
    let bare = Some(Money { currency_code: "USD".to_owned(), minor_units: None });
    let with_sale = PriceDraft { sale: bare.clone(), ..draft("D-1", usd(5)) };
    for (wrong, field) in
        [(draft("D-1", bare), "price.base.minor_units"), (with_sale, "price.sale.minor_units")]
    {
        let request = SetPriceRequest { price: Some(wrong), ..Default::default() };
        let status = mesh.pricing().set_price(request).await.unwrap_err();
        assert_eq!(reason(&status), "INVALID_FIELD");
        let details = status.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, field);
    }
    let free = SetPriceRequest { price: Some(draft("D-1", usd(0))), ..Default::default() };
    let price = mesh.pricing().set_price(free).await.unwrap().into_inner().price.unwrap();
    assert_eq!(price.base.unwrap().minor_units, Some(0));
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_echoed_is_cut_and_control_characters_are_refused() {
    let mesh = Mesh::boot(&[catalog::ROLE, pricing::ROLE]).await;
    let context = |customer_id: &str, groups: &[&str]| {
        Some(PriceContext {
            currency_code: "USD".into(),
            customer_id: customer_id.into(),
            customer_groups: groups.iter().map(ToString::to_string).collect(),
            ..Default::default()
        })
    };
    for (context, field) in [
        (context("a\0", &[]), "context.customer_id"),
        (context("", &["vip", "\u{1b}[31m"]), "context.customer_groups[1]"),
    ] {
        let request = GetPriceRequest { item: sku("D-1"), context };
        let status = mesh.pricing().get_price(request).await.unwrap_err();
        assert_eq!(reason(&status), "INVALID_FIELD");
        let details = status.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, field);
    }
    let (desk, _) = create(&mesh, product("Desk", &["D-1"])).await;
    let request = UpdateProductRequest {
        product_id: desk.product_id,
        product: product("Table", &[]).product,
        update_mask: Some(FieldMask { paths: vec!["title.".repeat(420)] }),
        ..Default::default()
    };
    let status = mesh.catalog().update_product(request).await.unwrap_err();
    assert_eq!(reason(&status), "FIELD_MASK_INVALID");
    let echoed = status.message().matches("title.").count();
    assert!((1..=170).contains(&echoed), "{}", status.message());
    mesh.finish().await;
}
