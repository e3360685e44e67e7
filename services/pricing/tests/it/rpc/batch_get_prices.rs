use crate::shop::{Shop, draft, item, product, sku, usd};
use pricing::rpc::batch_get_prices::batch_get_prices;
use pricing_api::v1::item::Name;
use pricing_api::v1::{BatchGetPricesRequest, Item, PriceContext};

#[tokio::test]
async fn prices_are_in_the_order_of_the_requested_items() {
    let shop = Shop::open().await;
    shop.set_one(draft(product(), 100)).await;
    shop.set_one(draft(sku("OWN"), 95)).await;
    let mut vip = draft(sku("OWN"), 80);
    vip.key.scope.group = Some("vip".into());
    shop.set_one(vip).await;
    let mut agreed = draft(sku("OWN"), 70);
    agreed.key.scope.customer = Some("C1".into());
    shop.set_one(agreed).await;
    shop.store_item(&sku("BARE")).await;

    let impossible = Item { name: Some(Name::Sku(" no SKU ".into())) };
    let own = item(&sku("OWN"));
    let items = vec![item(&sku("BARE")), own.clone(), impossible, item(&product()), own];
    let amounts = async |context: PriceContext| {
        let request = BatchGetPricesRequest { items: items.clone(), context: Some(context) };
        let answer = batch_get_prices(&shop.app, request).await.unwrap();
        let items_of_answer: Vec<_> =
            answer.prices.iter().map(|price| price.item.clone().unwrap()).collect();
        assert_eq!(items_of_answer, items);
        let amount = |price: &pricing_api::v1::ItemPrice| {
            assert_eq!(price.price.is_some(), price.amount.is_some());
            price.amount.as_ref().map(|amount| amount.minor_units())
        };
        answer.prices.iter().map(amount).collect::<Vec<_>>()
    };
    let (unscoped, vip) = (Some(95), Some(80));
    assert_eq!(amounts(usd()).await, [Some(100), unscoped, None, Some(100), unscoped]);
    let context = PriceContext { customer_groups: vec!["VIP".into()], ..usd() };
    assert_eq!(amounts(context).await, [Some(100), vip, None, Some(100), vip]);
    let context = PriceContext { customer_id: "C1".into(), ..usd() };
    assert_eq!(amounts(context).await, [Some(100), Some(70), None, Some(100), Some(70)]);
    let euros = PriceContext { currency_code: "EUR".into(), ..Default::default() };
    assert_eq!(amounts(euros).await, [None; 5]);
    shop.close().await;
}
