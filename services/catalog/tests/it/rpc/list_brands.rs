use crate::shop::Shop;
use catalog::rpc::list_brands::list_brands;
use catalog_api::v1::ListBrandsRequest;
use fault::Common;

#[tokio::test]
async fn pages_follow_each_other_by_id() {
    let shop = Shop::open().await;
    let (first, second) = (shop.brand("b").await, shop.brand("a").await);
    let request = ListBrandsRequest { page_size: 1, ..Default::default() };
    let page = list_brands(&shop.app, request.clone()).await.unwrap();
    assert_eq!(page.brands, [first]);
    let next = ListBrandsRequest { page_token: page.next_page_token, ..request };
    let page = list_brands(&shop.app, next).await.unwrap();
    assert_eq!((page.brands, page.next_page_token.as_str()), (vec![second], ""));
    let forged = ListBrandsRequest { page_token: "AAAA".into(), ..Default::default() };
    let fault = list_brands(&shop.app, forged).await.unwrap_err();
    assert!(fault.is(Common::PageTokenInvalid));
    shop.close().await;
}
