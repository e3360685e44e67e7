use crate::shop::{Shop, uuid};
use catalog::rpc::list_variants::list_variants;
use catalog_api::v1::{ListVariantsRequest, Reason};
use fault::Common;

#[tokio::test]
async fn pages_of_a_product_follow_each_other_by_id() {
    let shop = Shop::open().await;
    let made = shop.product(&["A-1", "A-2", "A-3"]).await;
    let other = shop.product(&["B-1"]).await.product.unwrap();
    let product_id = made.product.unwrap().product_id;
    let request = ListVariantsRequest { product_id, page_size: 2, ..Default::default() };
    let first = list_variants(&shop.app, request.clone()).await.unwrap();
    assert_eq!(first.variants, made.variants[..2]);
    let next = ListVariantsRequest { page_token: first.next_page_token, ..request };
    let second = list_variants(&shop.app, next.clone()).await.unwrap();
    assert_eq!(second.variants, made.variants[2..]);
    assert_eq!(second.next_page_token, "");

    let foreign = ListVariantsRequest { product_id: other.product_id, ..next };
    let fault = list_variants(&shop.app, foreign).await.unwrap_err();
    assert!(fault.is(Common::PageTokenInvalid));
    let unknown = ListVariantsRequest { product_id: uuid(), ..Default::default() };
    let fault = list_variants(&shop.app, unknown).await.unwrap_err();
    assert!(fault.is(Reason::ProductNotFound));
    shop.close().await;
}
