//! Maintaining prices: they are set, read, explained, listed and deleted; every invalid request is refused with its reason.

use crate::shop::{create, product, sku, usd};
use contracts::types::v1::Money;
use pricing_api::v1::item::Name;
use pricing_api::v1::*;
use testkit::{Mesh, reason};
use tonic::Status;

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, expected: &str) {
    assert_eq!(reason(&answer.unwrap_err()), expected);
}

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn context(currency: &str) -> Option<PriceContext> {
    Some(PriceContext { currency_code: currency.to_owned(), ..Default::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn prices() {
    let mesh = Mesh::boot(&[catalog::ROLE, pricing::ROLE, warehouse::ROLE, search::ROLE]).await;
    let (_, variants) = create(&mesh, product("Desk", &["D-1", "D-2"])).await;
    let mut pricing = mesh.pricing();
    let draft =
        PriceDraft { item: sku("D-1"), base: usd(9_900), sale: usd(7_900), ..Default::default() };
    let set = |price: PriceDraft| SetPriceRequest { price: Some(price), ..Default::default() };
    let price = pricing.set_price(set(draft.clone())).await.unwrap().into_inner().price.unwrap();
    assert_eq!(price.version, 1);
    let again = pricing.set_price(set(draft.clone())).await.unwrap().into_inner().price.unwrap();
    assert_eq!(again, price, "an unchanged price is not written");

    let eur = |minor_units: i64| {
        Some(Money { currency_code: "EUR".into(), minor_units: Some(minor_units) })
    };
    let xxq = Some(Money { currency_code: "XXQ".into(), minor_units: Some(1) });
    for (expected, wrong) in [
        ("UNKNOWN_ITEM", PriceDraft { item: sku("D-9"), ..draft.clone() }),
        ("UNKNOWN_CURRENCY", PriceDraft { base: xxq, sale: None, ..draft.clone() }),
        ("CURRENCY_MISMATCH", PriceDraft { sale: eur(1), ..draft.clone() }),
        ("NEGATIVE_PRICE", PriceDraft { base: usd(-1), sale: None, ..draft.clone() }),
        ("SALE_ABOVE_BASE", PriceDraft { sale: usd(9_901), ..draft.clone() }),
        ("WINDOW_INVALID", PriceDraft { from: at(20), until: at(10), ..draft.clone() }),
    ] {
        refused(pricing.set_price(set(wrong)).await, expected);
    }
    let windowed = |from, until| PriceDraft { from: at(from), until: at(until), ..draft.clone() };
    pricing.set_price(set(windowed(10, 20))).await.unwrap();
    refused(pricing.set_price(set(windowed(15, 25))).await, "OVERLAPPING_PRICE");
    let stale = SetPriceRequest { expected_version: Some(7), ..set(draft.clone()) };
    refused(pricing.set_price(stale).await, "CONCURRENT_MODIFICATION");
    let request_id = uuid::Uuid::now_v7().to_string();
    let once =
        SetPriceRequest { request_id, ..set(PriceDraft { base: usd(9_901), ..draft.clone() }) };
    let first = pricing.set_price(once.clone()).await.unwrap().into_inner();
    assert_eq!(pricing.set_price(once.clone()).await.unwrap().into_inner(), first);
    let other = SetPriceRequest { price: Some(draft.clone()), ..once };
    refused(pricing.set_price(other).await, "REQUEST_ID_REUSED");

    let bulk = BulkSetPricesRequest {
        prices: vec![draft.clone(), PriceDraft { item: sku("D-2"), ..draft.clone() }],
        ..Default::default()
    };
    let counts = pricing.bulk_set_prices(bulk.clone()).await.unwrap().into_inner();
    assert_eq!((counts.created, counts.updated, counts.unchanged), (1, 1, 0));
    let counts = pricing.bulk_set_prices(bulk).await.unwrap().into_inner();
    assert_eq!((counts.created, counts.updated, counts.unchanged), (0, 0, 2));
    let twice = BulkSetPricesRequest { prices: vec![draft.clone(), draft], ..Default::default() };
    refused(pricing.bulk_set_prices(twice).await, "DUPLICATE_ROW");

    let get = |currency: &str| GetPriceRequest { item: sku("D-1"), context: context(currency) };
    let got = pricing.get_price(get("USD")).await.unwrap().into_inner();
    assert_eq!(got.amount, usd(7_900));
    assert_eq!(got.trace[0].verdict(), Verdict::Chosen);
    assert_eq!(got.trace[1].verdict(), Verdict::NoLongerValid);
    refused(pricing.get_price(get("GBP")).await, "MATCHING_PRICE_NOT_FOUND");
    let items = vec![sku("D-2").unwrap(), sku("D-9").unwrap()];
    let batch = BatchGetPricesRequest { items, context: context("USD") };
    let prices = pricing.batch_get_prices(batch.clone()).await.unwrap().into_inner().prices;
    assert_eq!((prices[0].amount.clone(), prices[1].amount.clone()), (usd(7_900), None));
    let unknown = BatchGetPricesRequest { context: context("XXQ"), ..batch };
    refused(pricing.batch_get_prices(unknown).await, "UNKNOWN_CURRENCY");
    let of = ListPricesRequest { item: sku("D-1"), ..Default::default() };
    assert_eq!(pricing.list_prices(of).await.unwrap().into_inner().prices.len(), 2);
    let forged = ListPricesRequest { page_token: "forged".into(), ..Default::default() };
    refused(pricing.list_prices(forged).await, "PAGE_TOKEN_INVALID");

    let moved = PriceUpdate {
        price_id: price.price_id.clone(),
        values: Some(PriceValues { until: at(10), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["until".into()] }),
        expected_version: None,
    };
    let update = |update| UpdatePriceRequest { update: Some(update), ..Default::default() };
    let answer = pricing.update_price(update(moved.clone())).await.unwrap().into_inner();
    assert_eq!(answer.price.unwrap().until, at(10));
    let wider = PriceValues { until: at(11), ..Default::default() };
    let overlapping = PriceUpdate { values: Some(wider), ..moved.clone() };
    refused(pricing.update_price(update(overlapping)).await, "OVERLAPPING_PRICE");
    let page = ListCurrenciesRequest { page_size: 500, ..Default::default() };
    let currencies = pricing.list_currencies(page).await.unwrap().into_inner().currencies;
    let forged = ListCurrenciesRequest { page_token: "forged".into(), ..Default::default() };
    refused(pricing.list_currencies(forged).await, "PAGE_TOKEN_INVALID");
    let digits =
        |code: &str| currencies.iter().find(|own| own.code == code).map(|own| own.minor_digits);
    assert_eq!(["USD", "JPY", "KWD"].map(digits), [Some(2), Some(0), Some(3)]);

    let delete = DeletePriceRequest { price_id: price.price_id.clone(), ..Default::default() };
    pricing.delete_price(delete.clone()).await.unwrap();
    refused(pricing.delete_price(delete).await, "PRICE_NOT_FOUND");
    let of_unknown =
        Item { name: Some(Name::ProductId("019ab000-0000-7000-8000-000000000000".into())) };
    let get = GetPriceRequest { item: Some(of_unknown), context: context("USD") };
    refused(pricing.get_price(get).await, "UNKNOWN_ITEM");

    let of = ListPricesRequest { item: sku("D-2"), ..Default::default() };
    assert_eq!(pricing.list_prices(of.clone()).await.unwrap().into_inner().prices.len(), 1);
    let variant_id = variants[1].variant_id.clone();
    let request = catalog_api::v1::DeleteVariantRequest { variant_id, ..Default::default() };
    mesh.catalog().delete_variant(request).await.unwrap();
    testkit::eventually("the prices end", async || {
        let left = pricing.clone().list_prices(of.clone()).await.unwrap().into_inner().prices;
        left.is_empty().then_some(())
    })
    .await;
    let get = GetPriceRequest { item: sku("D-2"), context: context("USD") };
    let status = pricing.get_price(get).await.unwrap_err();
    assert!(status.message().contains("has deleted D-2"), "{status}");
    mesh.finish().await;
}
