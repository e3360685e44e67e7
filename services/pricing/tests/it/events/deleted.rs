use crate::shop::{Shop, draft, item, product, second, set, sku, target, usd, wanted};
use fault::Fault;
use pg::Db;
use pricing::domain::item::Item;
use pricing::events::deleted::end_prices;
use pricing::rpc::batch_get_prices::batch_get_prices;
use pricing::rpc::get_price::get_price;
use pricing::rpc::list_prices::list_prices;
use pricing_api::v1::{
    BatchGetPricesRequest, GetPriceRequest, ListPricesRequest, PriceDeleted, Reason,
};
use prost::Message;

async fn end(db: &Db, item: Item) -> Result<(), Fault> {
    let target = &target(&item);
    db.write("test", async |tx| end_prices(tx, target, second(9)).await.map(drop)).await
}

#[tokio::test]
async fn the_prices_of_what_is_deleted_end_whoever_asked_before() {
    let shop = Shop::open().await;
    let mut for_customer = draft(sku("A-1"), 90);
    for_customer.key.scope.customer = Some("C".into());
    let all = vec![draft(sku("A-1"), 100), for_customer, draft(product(), 120)];
    shop.set(all.into_iter().map(wanted).collect()).await.unwrap();
    let get = |of: Item| GetPriceRequest { item: Some(item(&of)), context: Some(usd()) };
    assert!(get_price(&shop.app, get(sku("A-1"))).await.is_ok());

    end(&shop.app.db, sku("A-1")).await.unwrap();
    let fault = get_price(&shop.app, get(sku("A-1"))).await.unwrap_err();
    assert!(fault.is(Reason::UnknownItem), "{fault:?}");
    assert_eq!(fault.metadata()["state"], "deleted");
    assert!(fault.message().contains("has deleted A-1"), "{fault}");
    let items = vec![item(&sku("A-1")), item(&product())];
    let batch = BatchGetPricesRequest { items, context: Some(usd()) };
    let answer = batch_get_prices(&shop.app, batch).await.unwrap();
    assert_eq!(answer.prices[0].price, None, "the price of its product does not apply either");
    assert_eq!(answer.prices[1].amount.as_ref().unwrap().minor_units(), 120);
    let list = ListPricesRequest { item: Some(item(&sku("A-1"))), ..Default::default() };
    assert_eq!(list_prices(&shop.app, list).await.unwrap().prices.len(), 0);
    let events = shop.outbox().await;
    let deleted: Vec<_> =
        events.iter().filter(|event| event.subject == "pricing.price.deleted").collect();
    assert_eq!(deleted.len(), 2);
    let event = PriceDeleted::decode(deleted[0].payload.as_slice()).unwrap();
    assert_eq!(event.version, 2);

    // The event may come again.
    end(&shop.app.db, sku("A-1")).await.unwrap();
    assert_eq!(shop.outbox().await.len(), events.len());
    let fault = shop.set(vec![wanted(draft(sku("A-1"), 80))]).await.unwrap_err();
    assert_eq!((fault.reason(), &*fault.metadata()["state"]), ("UNKNOWN_ITEM", "deleted"));
    assert_eq!(fault.violations()[0].field, "price.item.sku");
    shop.close().await;
}

#[tokio::test]
async fn thousands_of_prices_of_one_item_end_together() {
    const PRICES: usize = 1_500;
    let shop = Shop::open().await;
    let of_customer = |n: usize| {
        let mut draft = draft(sku("A-1"), 100);
        draft.key.scope.customer = Some(format!("C-{n}"));
        wanted(draft)
    };
    shop.set((0..PRICES).map(of_customer).collect()).await.unwrap();
    end(&shop.app.db, sku("A-1")).await.unwrap();
    assert_eq!(shop.outbox().await.len(), 2 * PRICES);
    shop.close().await;
}

/// The catalogue said that the items exist, and they are deleted while prices of them are set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_price_outlives_its_item() {
    let shop = Shop::open().await;
    for round in 0..10 {
        let of = sku(&format!("A-{round}"));
        let calls: Vec<_> = (0..8)
            .map(|n| {
                let (db, of) = (shop.app.db.clone(), of.clone());
                tokio::spawn(async move {
                    if n == 4 {
                        return end(&db, of).await;
                    }
                    let mut draft = draft(of, 100);
                    draft.key.scope.customer = Some(format!("C-{n}"));
                    set(&db, vec![wanted(draft)]).await.map(drop)
                })
            })
            .collect();
        for call in calls {
            if let Err(fault) = call.await.unwrap() {
                assert!(fault.is(Reason::UnknownItem), "{fault:?}");
            }
        }
        let list = ListPricesRequest { item: Some(item(&of)), ..Default::default() };
        assert_eq!(list_prices(&shop.app, list).await.unwrap().prices.len(), 0);
    }
    shop.close().await;
}
