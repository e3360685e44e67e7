use crate::shop::{Shop, dated, draft, product, sku};
use pg::heads::{self, AggregateHead, Aggregates, Which};
use pricing::rpc::delete_price::delete_price;
use pricing_api::v1::{DeletePriceRequest, PriceDeleted, PriceUpdated};
use prost::Message;
use std::collections::BTreeSet;

/// Publishes prices again; returns the keys that exist.
async fn republish(shop: &Shop, keys: &[String]) -> BTreeSet<String> {
    let prices: &Aggregates = &pricing::ROLE.aggregates[0];
    let published = shop.app.db.write("test", async |tx| prices.republish(tx, keys).await);
    published.await.unwrap()
}

async fn heads(shop: &Shop) -> Vec<AggregateHead> {
    let all = Which::After { key: "", limit: 100 };
    let list = shop.app.db.read("test", async |tx| heads::list(tx, "pricing.price", all).await);
    list.await.unwrap()
}

#[tokio::test]
async fn a_republished_event_has_the_digest_of_the_original() {
    let shop = Shop::open().await;
    shop.set_one(draft(product(), 100)).await;
    let mut full = dated(sku("A-1"), 100, 10, 20);
    full.sale = Some(90);
    full.key.scope.customer = Some("C1".into());
    full.key.scope.country = Some("DE".into());
    shop.set_one(full.clone()).await;
    full.sale = None;
    shop.set_one(full).await;
    let (_, removed) = shop.set_one(draft(sku("A-2"), 100)).await;
    let request =
        DeletePriceRequest { price_id: removed.head.id.to_string(), ..Default::default() };
    delete_price(&shop.app, request).await.unwrap();

    let before = heads(&shop).await;
    assert_eq!(before.iter().map(|head| head.version).collect::<BTreeSet<_>>(), [1, 2].into());
    let keys: Vec<String> = before.iter().map(|head| head.key.clone()).collect();
    assert_eq!(republish(&shop, &keys).await.len(), 3);
    assert_eq!(heads(&shop).await, before);
    shop.close().await;
}

#[tokio::test]
async fn the_current_state_is_published_at_its_version_and_nothing_changes() {
    let shop = Shop::open().await;
    shop.set_one(draft(product(), 100)).await;
    let (_, price) = shop.set_one(draft(product(), 90)).await;
    let (_, removed) = shop.set_one(draft(sku("A-2"), 100)).await;
    let delete = DeletePriceRequest { price_id: removed.head.id.to_string(), ..Default::default() };
    delete_price(&shop.app, delete).await.unwrap();
    let before = shop.outbox().await.len();

    let unknown = uuid::Uuid::now_v7().to_string();
    let keys = [removed.head.id.to_string(), unknown, price.head.id.to_string()];
    let answer = republish(&shop, &keys).await;
    assert_eq!(answer, [removed.head.id.to_string(), price.head.id.to_string()].into());
    let events = shop.outbox().await.split_off(before);
    let [live, deleted] = &events[..] else { panic!("{events:?}") };
    assert_eq!((live.subject.as_str(), live.version), ("pricing.price.updated", 2));
    let event = PriceUpdated::decode(live.payload.as_slice()).unwrap();
    assert_eq!(event.price.unwrap().base.unwrap().minor_units(), 90);
    assert!(event.changed.is_empty());
    assert_eq!((deleted.subject.as_str(), deleted.version), ("pricing.price.deleted", 2));
    let event = PriceDeleted::decode(deleted.payload.as_slice()).unwrap();
    assert_eq!(event.price_id, removed.head.id.to_string());
    shop.close().await;
}

/// Both lock the price, so versions never decrease in the outbox.
#[tokio::test(flavor = "multi_thread")]
async fn versions_stay_in_order_when_changes_and_republishing_run_concurrently() {
    let shop = Shop::open().await;
    let (_, price) = shop.set_one(draft(product(), 1_000)).await;
    let change = async {
        for amount in 1..=100 {
            shop.set_one(draft(product(), amount)).await;
        }
    };
    let again = async {
        for _ in 0..100 {
            republish(&shop, &[price.head.id.to_string()]).await;
        }
    };
    tokio::join!(change, again);
    let versions: Vec<i64> = shop.outbox().await.iter().map(|event| event.version).collect();
    assert!(versions.is_sorted(), "{versions:?}");
    assert_eq!((versions.len(), versions.last()), (201, Some(&101)));
    shop.close().await;
}
