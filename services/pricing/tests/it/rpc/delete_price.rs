use crate::shop::{Shop, draft, item, product_id, sku, usd};
use fault::Common;
use pricing::rpc::delete_price::delete_price;
use pricing::rpc::get_price::get_price;
use pricing_api::v1::{DeletePriceRequest, GetPriceRequest, PriceDeleted, Reason};
use prost::Message;
use uuid::Uuid;

#[tokio::test]
async fn a_deletion_removes_the_price_and_publishes_one_event() {
    let shop = Shop::open().await;
    let (_, price) = shop.set_one(draft(sku("A-1"), 100)).await;
    let request = |expected_version, request_id: &str| DeletePriceRequest {
        price_id: price.head.id.to_string(),
        expected_version,
        request_id: request_id.into(),
    };
    let fault = delete_price(&shop.app, request(Some(2), "")).await.unwrap_err();
    assert!(fault.is(Common::ConcurrentModification));

    // A repeated request gets the first answer; another request gets PRICE_NOT_FOUND.
    let id = Uuid::now_v7().to_string();
    for _ in 0..2 {
        let answer = delete_price(&shop.app, request(Some(1), &id)).await.unwrap();
        assert_eq!(answer.version, 2);
    }
    let fault = delete_price(&shop.app, request(None, "")).await.unwrap_err();
    assert!(fault.is(Reason::PriceNotFound));

    let events = shop.outbox().await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].subject, "pricing.price.deleted");
    let event = PriceDeleted::decode(events[1].payload.as_slice()).unwrap();
    assert_eq!(event.price_id, price.head.id.to_string());
    assert_eq!((event.version, event.product_id), (2, product_id().to_string()));

    let request = GetPriceRequest { item: Some(item(&sku("A-1"))), context: Some(usd()) };
    let fault = get_price(&shop.app, request).await.unwrap_err();
    assert!(fault.is(Reason::MatchingPriceNotFound));
    shop.close().await;
}

#[tokio::test]
async fn an_unknown_id_is_not_found() {
    let shop = Shop::open().await;
    let request = DeletePriceRequest { price_id: Uuid::now_v7().to_string(), ..Default::default() };
    let fault = delete_price(&shop.app, request).await.unwrap_err();
    assert!(fault.is(Reason::PriceNotFound));
    shop.close().await;
}
