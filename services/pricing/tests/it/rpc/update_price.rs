use crate::shop::{Shop, dated, draft, second, sku};
use contracts::types::v1::Money;
use fault::Fault;
use kernel::window::Window;
use pricing::domain::price::Price;
use pricing::rpc::bulk_set_prices::bulk_set_prices;
use pricing::rpc::update_price::update_price;
use pricing_api::v1::price_check::Outcome as Checked;
use pricing_api::v1::{
    BulkSetPricesRequest, PriceUpdate, PriceUpdated, PriceValues, Reason, UpdatePriceRequest,
};
use prost::Message;
use prost_types::{FieldMask, Timestamp};

/// The window of a price becomes that from one second until another.
fn window(price: &Price, from: i64, until: i64) -> PriceUpdate {
    let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
    PriceUpdate {
        price_id: price.head.id.to_string(),
        values: Some(PriceValues { from: at(from), until: at(until), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["from".into(), "until".into()] }),
        expected_version: None,
    }
}

async fn update(shop: &Shop, update: PriceUpdate) -> Result<pricing_api::v1::Price, Fault> {
    let request = UpdatePriceRequest { update: Some(update), ..Default::default() };
    update_price(&shop.app, request).await.map(|answer| answer.price.unwrap())
}

fn bulk(updates: Vec<PriceUpdate>) -> BulkSetPricesRequest {
    BulkSetPricesRequest { updates, ..Default::default() }
}

#[tokio::test]
async fn a_window_moves_under_the_same_id_and_only_other_prices_are_in_the_way() {
    let shop = Shop::open().await;
    let (_, price) = shop.set_one(dated(sku("A-1"), 100, 10, 20)).await;
    let (_, next) = shop.set_one(dated(sku("A-1"), 90, 30, 40)).await;
    let moved = update(&shop, window(&price, 15, 30)).await.unwrap();
    assert_eq!((moved.price_id, moved.version), (price.head.id.to_string(), 2));
    assert_eq!(moved.until.map(|at| at.seconds), Some(30));
    let events = shop.outbox().await;
    let event = PriceUpdated::decode(events[2].payload.as_slice()).unwrap();
    assert_eq!(event.changed, ["from", "until"]);

    let fault = update(&shop, window(&price, 15, 31)).await.unwrap_err();
    assert!(fault.is(Reason::OverlappingPrice), "{fault:?}");
    assert_eq!(fault.metadata()["price_id"], next.head.id.to_string());
    assert_eq!(fault.violations()[0].field, "update");
    assert_eq!(shop.outbox().await.len(), 3);

    // The place that a deleted price had is free, and so is the one that a moved price left.
    shop.app
        .db
        .write("test", async |tx| {
            let mut next: Price = pg::entity::lock(tx, next.head.id).await?;
            let deleted = next.delete(None, tx.now().await?)?;
            pg::entity::save(tx, &next, Some(&deleted)).await
        })
        .await
        .unwrap();
    let moved = update(&shop, window(&price, 30, 40)).await.unwrap();
    assert_eq!(moved.version, 3);
    let (_, again) = shop.set_one(dated(sku("A-1"), 100, 15, 30)).await;
    assert_ne!(again.head.id, price.head.id);
    assert!(update(&shop, window(&next, 50, 60)).await.unwrap_err().is(Reason::PriceNotFound));
    shop.close().await;
}

#[tokio::test]
async fn an_undated_price_is_not_moved_onto_another_one() {
    let shop = Shop::open().await;
    let (_, undated) = shop.set_one(draft(sku("A-1"), 100)).await;
    let (_, price) = shop.set_one(dated(sku("A-1"), 90, 10, 20)).await;
    let open = PriceUpdate { values: Some(PriceValues::default()), ..window(&price, 0, 0) };
    let fault = update(&shop, open).await.unwrap_err();
    assert!(fault.is(Reason::OverlappingPrice), "{fault:?}");
    assert_eq!(fault.metadata()["price_id"], undated.head.id.to_string());
    shop.close().await;
}

#[tokio::test]
async fn windows_are_exchanged_in_one_call_and_refusals_name_their_update() {
    let shop = Shop::open().await;
    let (_, a) = shop.set_one(dated(sku("A-1"), 100, 10, 20)).await;
    let (_, b) = shop.set_one(dated(sku("A-1"), 90, 20, 30)).await;
    let (_, c) = shop.set_one(dated(sku("A-1"), 80, 40, 50)).await;
    let swap = vec![window(&a, 20, 30), window(&b, 10, 20)];
    let counts = bulk_set_prices(&shop.app, bulk(swap.clone())).await.unwrap();
    assert_eq!((counts.updated, counts.unchanged), (2, 0));
    let counts = bulk_set_prices(&shop.app, bulk(swap)).await.unwrap();
    assert_eq!((counts.updated, counts.unchanged), (0, 2));
    let prices = shop.app.db.read("test", async |tx| pg::entity::find(tx, &[a.head.id]).await);
    let found: Vec<Price> = prices.await.unwrap();
    let expected = Window::try_new(Some(second(20)), Some(second(30))).unwrap();
    assert_eq!((found[0].key.window, found[0].head.deleted_at), (expected, None));

    let stale = PriceUpdate { expected_version: Some(7), ..window(&b, 5, 20) };
    let mut unknown = window(&b, 1, 2);
    unknown.price_id = "019ab000-0000-7000-8000-000000000000".into();
    let wrong = vec![window(&a, 20, 45), stale, unknown, window(&a, 1, 2)];
    let tried = BulkSetPricesRequest { validate_only: true, ..bulk(wrong.clone()) };
    let answer = bulk_set_prices(&shop.app, tried).await.unwrap();
    let reasons: Vec<_> = answer.update_checks.iter().map(|check| &*check.reason).collect();
    let expected =
        ["OVERLAPPING_PRICE", "CONCURRENT_MODIFICATION", "PRICE_NOT_FOUND", "DUPLICATE_ROW"];
    assert_eq!(reasons, expected);
    assert!(answer.update_checks.iter().all(|check| check.outcome() == Checked::Refused));
    assert_eq!(answer.refused, 4);

    let fault = bulk_set_prices(&shop.app, bulk(wrong[..1].to_vec())).await.unwrap_err();
    assert_eq!(fault.violations()[0].field, "updates[0]");
    assert_eq!(fault.metadata()["price_id"], c.head.id.to_string());
    assert!(bulk_set_prices(&shop.app, bulk(Vec::new())).await.is_err());
    assert_eq!(shop.outbox().await.len(), 5);
    shop.close().await;
}

#[tokio::test]
async fn a_wrong_value_is_refused_by_its_path() {
    let shop = Shop::open().await;
    let (_, price) = shop.set_one(draft(sku("A-1"), 100)).await;
    let base = |paths: &[&str], base: Option<Money>| PriceUpdate {
        values: Some(PriceValues { base, ..Default::default() }),
        update_mask: Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() }),
        ..window(&price, 1, 2)
    };
    let eur = Money { currency_code: "EUR".into(), minor_units: Some(5) };
    for (wrong, reason, field) in [
        (base(&["base"], None), "INVALID_FIELD", "update.values.base"),
        (base(&["base"], Some(eur)), "CURRENCY_MISMATCH", "update.values.base.currency_code"),
        (base(&[], None), "FIELD_MASK_INVALID", "update.update_mask"),
        (base(&["item"], None), "FIELD_MASK_INVALID", "update.update_mask"),
        (window(&price, 2, 2), "WINDOW_INVALID", "update.values.until"),
    ] {
        let fault = update(&shop, wrong).await.unwrap_err();
        assert_eq!((fault.reason(), &*fault.violations()[0].field), (reason, field));
    }
    assert_eq!(shop.outbox().await.len(), 1);
    shop.close().await;
}

/// Two prices change places again and again, by calls that name them in opposite orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_exchanges_never_deadlock_nor_overlap() {
    let shop = Shop::open().await;
    let (_, a) = shop.set_one(dated(sku("A-1"), 100, 10, 20)).await;
    let (_, b) = shop.set_one(dated(sku("A-1"), 90, 20, 30)).await;
    let calls: Vec<_> = (0..16)
        .map(|n| {
            let (one, other) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
            let (app, request) =
                (shop.app.clone(), bulk(vec![window(one, 20, 30), window(other, 10, 20)]));
            tokio::spawn(async move { bulk_set_prices(&app, request).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let ids = &[a.head.id, b.head.id];
    let found: Vec<Price> =
        shop.app.db.read("test", async |tx| pg::entity::find(tx, ids).await).await.unwrap();
    assert!(!found[0].key.window.overlaps(&found[1].key.window));
    assert_eq!(found[0].head.version, found[1].head.version);
    shop.close().await;
}
