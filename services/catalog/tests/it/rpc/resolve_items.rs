use crate::shop::{Shop, uuid};
use catalog::rpc::delete_product::delete_product;
use catalog::rpc::resolve_items::resolve_items;
use catalog_api::v1::{DeleteProductRequest, ItemState, ResolveItemsRequest, ResolvedItem};

#[tokio::test]
async fn items_are_in_the_requested_order() {
    let shop = Shop::open().await;
    let live = shop.product(&["A-1"]).await;
    let gone = shop.product(&["B-1"]).await;
    let [live_id, gone_id] = [&live, &gone].map(|own| own.product.clone().unwrap().product_id);
    let delete = DeleteProductRequest { product_id: gone_id.clone(), ..Default::default() };
    delete_product(&shop.app, delete).await.unwrap();
    let never = uuid();
    let skus = ["B-1", "nope", "A-1", " \0ü", "A-1"].map(str::to_owned).to_vec();
    let product_ids = vec![never.clone(), gone_id.clone(), live_id.clone()];
    let answer = resolve_items(&shop.app, ResolveItemsRequest { skus, product_ids }).await.unwrap();

    let item = |sku: &str, product: &str, variant: &str, state: ItemState| ResolvedItem {
        sku: sku.into(),
        product_id: product.into(),
        variant_id: variant.into(),
        state: state.into(),
    };
    let own = item("A-1", &live_id, &live.variants[0].variant_id, ItemState::Live);
    let expected = [
        item("B-1", &gone_id, &gone.variants[0].variant_id, ItemState::Deleted),
        item("nope", "", "", ItemState::Unknown),
        own.clone(),
        item(" \0ü", "", "", ItemState::Unknown),
        own,
        item("", &never, "", ItemState::Unknown),
        item("", &gone_id, "", ItemState::Deleted),
        item("", &live_id, "", ItemState::Live),
    ];
    assert_eq!(answer.items, expected);
    let nothing = resolve_items(&shop.app, ResolveItemsRequest::default()).await.unwrap();
    assert_eq!(nothing.items, []);
    shop.close().await;
}
