use crate::shop::{Shop, draft, item, product, sku};
use fault::Common;
use pricing::domain::item::Item;
use pricing::rpc::delete_price::delete_price;
use pricing::rpc::list_prices::list_prices;
use pricing_api::v1::item::Name;
use pricing_api::v1::{DeletePriceRequest, Item as ItemMessage, ListPricesRequest};

#[tokio::test]
async fn pages_contain_every_price_once_in_the_order_of_ids() {
    let shop = Shop::open().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(shop.set_one(draft(sku(&format!("A-{n}")), 100)).await.1.head.id.to_string());
    }
    let request = DeletePriceRequest { price_id: ids.remove(2), ..Default::default() };
    delete_price(&shop.app, request).await.unwrap();
    ids.sort();

    let mut request = ListPricesRequest { page_size: 2, ..Default::default() };
    let mut pages = Vec::new();
    loop {
        let page = list_prices(&shop.app, request.clone()).await.unwrap();
        pages.push(page.prices.into_iter().map(|price| price.price_id).collect::<Vec<_>>());
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(pages, [ids[..2].to_vec(), ids[2..].to_vec()]);

    let other = ListPricesRequest { item: Some(item(&sku("A-1"))), ..request };
    let fault = list_prices(&shop.app, other).await.unwrap_err();
    assert!(fault.is(Common::PageTokenInvalid));
    shop.close().await;
}

#[tokio::test]
async fn an_item_lists_exactly_its_own_prices() {
    let shop = Shop::open().await;
    shop.set_one(draft(product(), 100)).await;
    for base in [95, 90] {
        let mut draft = draft(sku("A-1"), base);
        draft.key.scope.country = (base == 90).then(|| "DE".to_owned());
        shop.set_one(draft).await;
    }
    // A SKU that looks like the id of a product is another item.
    let lookalike = sku(&product().to_string());
    shop.set_one(draft(lookalike.clone(), 1)).await;
    let amounts = async |of: &Item| {
        let request = ListPricesRequest { item: Some(item(of)), ..Default::default() };
        let page = list_prices(&shop.app, request).await.unwrap();
        let bases = page.prices.into_iter().map(|price| price.base.unwrap().minor_units());
        let mut bases: Vec<_> = bases.collect();
        bases.sort();
        bases
    };
    assert_eq!(amounts(&product()).await, [100]);
    assert_eq!(amounts(&sku("A-1")).await, [90, 95]);
    assert_eq!(amounts(&lookalike).await, [1]);
    assert_eq!(amounts(&sku("NONE")).await, [0; 0]);
    let impossible = ItemMessage { name: Some(Name::Sku(" no SKU ".into())) };
    let request = ListPricesRequest { item: Some(impossible), ..Default::default() };
    assert_eq!(list_prices(&shop.app, request).await.unwrap(), Default::default());
    shop.close().await;
}
