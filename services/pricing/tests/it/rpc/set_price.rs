use crate::shop::{Shop, dated, draft, expecting, item, set, sku, wanted};
use contracts::types::v1::Money;
use fault::Common;
use pricing::domain::price::Price;
use pricing::rpc::delete_price::delete_price;
use pricing::rpc::set_price::set_price;
use pricing::upsert_prices::Outcome;
use pricing_api::v1::{PriceDraft, PriceUpdated, Reason, SetPriceRequest};
use prost::Message;
use std::collections::BTreeSet;

#[tokio::test]
async fn an_unchanged_price_writes_and_publishes_nothing() {
    let shop = Shop::open().await;
    let (outcome, first) = shop.set_one(draft(sku("A-1"), 100)).await;
    assert_eq!((outcome, first.head.version), (Outcome::Created, 1));
    let (outcome, again) = shop.set_one(draft(sku("A-1"), 100)).await;
    assert_eq!(outcome, Outcome::Unchanged);
    assert_eq!(again, first);
    assert_eq!(shop.outbox().await.len(), 1);

    let (outcome, second) = shop.set_one(draft(sku("A-1"), 90)).await;
    assert_eq!(
        (outcome, second.head.version, second.head.id),
        (Outcome::Updated, 2, first.head.id)
    );
    let events = shop.outbox().await;
    let event = PriceUpdated::decode(events[1].payload.as_slice()).unwrap();
    assert_eq!(event.changed, ["base"]);
    assert_eq!(event.price.unwrap().base.unwrap().minor_units(), 90);
    shop.close().await;
}

#[tokio::test]
async fn the_expected_version_is_checked_for_create_and_update() {
    let shop = Shop::open().await;
    let refused = async |expected, base| {
        let set = shop.set(vec![expecting(expected, draft(sku("A-1"), base))]).await;
        let fault = set.unwrap_err();
        assert!(fault.is(Common::ConcurrentModification), "{fault:?}");
        fault.metadata()["current_version"].clone()
    };
    assert_eq!(refused(3, 100).await, "0");
    assert_eq!(shop.rows("prices").await, 0);
    shop.set(vec![expecting(0, draft(sku("A-1"), 100))]).await.unwrap();
    assert_eq!(refused(0, 90).await, "1");
    assert_eq!(refused(2, 90).await, "1");
    let set = shop.set(vec![expecting(1, draft(sku("A-1"), 90))]).await.unwrap();
    assert_eq!(set[0].1.head.version, 2);
    shop.close().await;
}

#[tokio::test]
async fn a_deleted_price_that_is_set_again_keeps_its_id_and_version_sequence() {
    let shop = Shop::open().await;
    let (_, price) = shop.set_one(dated(sku("A-1"), 100, 1, 5)).await;
    let request = pricing_api::v1::DeletePriceRequest {
        price_id: price.head.id.to_string(),
        ..Default::default()
    };
    assert_eq!(delete_price(&shop.app, request).await.unwrap().version, 2);

    // While it was deleted, another price took a part of its window.
    let (_, other) = shop.set_one(dated(sku("A-1"), 100, 4, 9)).await;
    let fault = shop.set(vec![wanted(dated(sku("A-1"), 100, 1, 5))]).await.unwrap_err();
    assert!(fault.is(Reason::OverlappingPrice));
    assert_eq!(fault.metadata()["price_id"], other.head.id.to_string());

    let request = pricing_api::v1::DeletePriceRequest {
        price_id: other.head.id.to_string(),
        ..Default::default()
    };
    delete_price(&shop.app, request).await.unwrap();
    let set = shop.set(vec![expecting(0, dated(sku("A-1"), 100, 1, 5))]).await.unwrap();
    let (outcome, again) = &set[0];
    assert_eq!((*outcome, again.head.id, again.head.version), (Outcome::Updated, price.head.id, 3));
    assert_eq!((again.head.deleted_at, again.head.created_at), (None, price.head.created_at));
    let events = shop.outbox().await;
    let event = PriceUpdated::decode(events.last().unwrap().payload.as_slice()).unwrap();
    assert_eq!(event.changed, [""; 0]);
    shop.close().await;
}

#[tokio::test]
async fn windows_of_one_item_scope_and_currency_may_touch_but_not_overlap() {
    let shop = Shop::open().await;
    let (_, first) = shop.set_one(dated(sku("A-1"), 100, 10, 20)).await;
    let refused = async |from, until| {
        let set = shop.set(vec![wanted(dated(sku("A-1"), 90, from, until))]).await;
        let fault = set.unwrap_err();
        assert!(fault.is(Reason::OverlappingPrice), "{fault:?}");
        assert_eq!(fault.violations()[0].field, "price");
        assert_eq!(fault.metadata()["price_id"], first.head.id.to_string());
    };
    refused(19, 30).await;
    refused(1, 11).await;
    refused(12, 13).await;
    refused(1, 99).await;
    shop.set_one(dated(sku("A-1"), 90, 20, 30)).await;
    shop.set_one(dated(sku("A-1"), 90, 1, 10)).await;
    // An undated price may lie under them, and other items and scopes never conflict.
    shop.set_one(draft(sku("A-1"), 100)).await;
    shop.set_one(dated(sku("A-2"), 100, 10, 20)).await;
    let mut elsewhere = dated(sku("A-1"), 100, 10, 20);
    elsewhere.key.scope.country = Some("DE".into());
    shop.set_one(elsewhere).await;
    assert_eq!(shop.rows("prices").await, 6);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_sets_of_one_price_take_one_version_each() {
    let shop = Shop::open().await;
    const CALLS: i64 = 40;
    let calls: Vec<_> = (1..=CALLS)
        .map(|base| {
            let db = shop.app.db.clone();
            tokio::spawn(async move { set(&db, vec![wanted(draft(sku("A-1"), base))]).await })
        })
        .collect();
    let mut versions = BTreeSet::new();
    for call in calls {
        versions.insert(call.await.unwrap().unwrap()[0].1.head.version);
    }
    assert_eq!(versions, (1..=CALLS).collect());
    let versions_in_outbox: Vec<i64> =
        shop.outbox().await.iter().map(|event| event.version).collect();
    assert_eq!(
        versions_in_outbox,
        Vec::from_iter(1..=CALLS),
        "the outbox is in the order of versions"
    );
    assert_eq!(shop.rows("prices").await, 1);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_overlapping_windows_exactly_one_wins() {
    let shop = Shop::open().await;
    for round in 0..5 {
        let item = sku(&format!("A-{round}"));
        let calls: Vec<_> = (0..16)
            .map(|n| {
                let (db, item) = (shop.app.db.clone(), item.clone());
                // All apply at second 100.
                let draft = dated(item, 100, 1 + n, 101 + n);
                tokio::spawn(async move { set(&db, vec![wanted(draft)]).await })
            })
            .collect();
        let mut won = 0;
        for call in calls {
            match call.await.unwrap() {
                Ok(_) => won += 1,
                Err(fault) => assert!(fault.is(Reason::OverlappingPrice), "{fault:?}"),
            }
        }
        assert_eq!(won, 1);
    }
    assert_eq!(shop.rows("prices").await, 5);
    assert_eq!(shop.outbox().await.len(), 5);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_revivals_into_one_window_exactly_one_wins() {
    let shop = Shop::open().await;
    let mut drafts = Vec::new();
    for n in 0..8 {
        let draft = dated(sku("A-1"), 100, 1 + n, 101 + n);
        let (_, price) = shop.set_one(draft.clone()).await;
        delete(&shop, &price).await;
        drafts.push(draft);
    }
    let calls: Vec<_> = drafts
        .into_iter()
        .map(|draft| {
            let db = shop.app.db.clone();
            tokio::spawn(async move { set(&db, vec![wanted(draft)]).await })
        })
        .collect();
    let mut won = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => won += 1,
            Err(fault) => assert!(fault.is(Reason::OverlappingPrice), "{fault:?}"),
        }
    }
    assert_eq!(won, 1);
    shop.close().await;
}

async fn delete(shop: &Shop, price: &Price) {
    let request = pricing_api::v1::DeletePriceRequest {
        price_id: price.head.id.to_string(),
        ..Default::default()
    };
    delete_price(&shop.app, request).await.unwrap();
}

#[tokio::test]
async fn an_outage_of_catalog_is_reported_and_nothing_is_written() {
    let shop = Shop::open().await;
    let request = |currency: &str| SetPriceRequest {
        price: Some(PriceDraft {
            item: Some(item(&sku("A-1"))),
            base: Some(Money { currency_code: currency.into(), minor_units: Some(100) }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let fault = set_price(&shop.app, request("USD")).await.unwrap_err();
    assert!(fault.is(Common::DependencyUnavailable), "{fault:?}");
    assert_eq!(shop.rows("prices").await, 0);

    // An invalid request is refused without a call to catalog.
    let fault = set_price(&shop.app, request("XXX")).await.unwrap_err();
    assert!(fault.is(Common::UnknownCurrency), "{fault:?}");
    assert_eq!(fault.violations()[0].field, "price.base.currency_code");
    shop.close().await;
}
