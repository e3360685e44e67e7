use crate::shop::{Shop, draft, product, sku};
use contracts::pricing::v1::{
    DeletePriceRequest, PriceDeleted, PriceUpdated, RepublishPricesRequest,
};
use pricing::rpc::delete_price::delete_price;
use pricing::rpc::republish_prices::republish_prices;
use prost::Message;

#[tokio::test]
async fn the_current_state_is_said_at_its_version_and_nothing_changes() {
    let shop = Shop::open().await;
    shop.set_one(draft(product(), 100)).await;
    let (_, price) = shop.set_one(draft(product(), 90)).await;
    let (_, gone) = shop.set_one(draft(sku("A-2"), 100)).await;
    let delete = DeletePriceRequest { price_id: gone.id.to_string(), ..Default::default() };
    delete_price(&shop.app, delete).await.unwrap();
    let before = shop.said().await.len();

    let unknown = uuid::Uuid::now_v7().to_string();
    let request = RepublishPricesRequest {
        price_ids: vec![gone.id.to_string(), unknown.clone(), price.id.to_string()],
        request_id: uuid::Uuid::now_v7().to_string(),
    };
    let answer = republish_prices(&shop.app, request.clone()).await.unwrap();
    assert_eq!((answer.published, &answer.unknown_ids), (2, &vec![unknown]));
    let said = shop.said().await.split_off(before);
    let [live, deleted] = &said[..] else { panic!("{said:?}") };
    assert_eq!((live.subject.as_str(), live.version), ("pricing.price.updated", 2));
    let event = PriceUpdated::decode(live.payload.as_slice()).unwrap();
    assert_eq!(event.price.unwrap().base.unwrap().minor_units, 90);
    assert!(event.changed.is_empty());
    assert_eq!((deleted.subject.as_str(), deleted.version), ("pricing.price.deleted", 2));
    let event = PriceDeleted::decode(deleted.payload.as_slice()).unwrap();
    assert_eq!(event.price_id, gone.id.to_string());

    assert_eq!(republish_prices(&shop.app, request).await.unwrap(), answer);
    assert_eq!(shop.said().await.len(), before + 2, "the same request publishes nothing");
    shop.close().await;
}

/// Whoever changes a price and whoever publishes it again take turns, so versions never go backwards in the outbox.
#[tokio::test(flavor = "multi_thread")]
async fn beside_changes_versions_stay_in_order() {
    let shop = Shop::open().await;
    let (_, price) = shop.set_one(draft(product(), 1_000)).await;
    let change = async {
        for amount in 1..=100 {
            shop.set_one(draft(product(), amount)).await;
        }
    };
    let again = async {
        for _ in 0..100 {
            let price_ids = vec![price.id.to_string()];
            let request = RepublishPricesRequest { price_ids, ..Default::default() };
            republish_prices(&shop.app, request).await.unwrap();
        }
    };
    tokio::join!(change, again);
    let versions: Vec<i64> = shop.said().await.iter().map(|said| said.version).collect();
    assert!(versions.is_sorted(), "{versions:?}");
    assert_eq!((versions.len(), versions.last()), (201, Some(&101)));
    shop.close().await;
}
