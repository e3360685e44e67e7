use crate::shop::{Shop, attribute};
use catalog::rpc::list_attributes::list_attributes;
use catalog_api::v1::{AttributeType, ListAttributesRequest};
use fault::Common;

#[tokio::test]
async fn pages_follow_each_other_by_id() {
    let shop = Shop::open().await;
    let first = shop.define(attribute("b", AttributeType::Text)).await.unwrap();
    let second = shop.define(attribute("a", AttributeType::Bool)).await.unwrap();
    let request = ListAttributesRequest { page_size: 1, ..Default::default() };
    let page = list_attributes(&shop.app, request.clone()).await.unwrap();
    assert_eq!(page.attributes, [first]);
    let next = ListAttributesRequest { page_token: page.next_page_token, ..request };
    let page = list_attributes(&shop.app, next).await.unwrap();
    assert_eq!((page.attributes, page.next_page_token.as_str()), (vec![second], ""));
    let forged = ListAttributesRequest { page_token: "AAAA".into(), ..Default::default() };
    let fault = list_attributes(&shop.app, forged).await.unwrap_err();
    assert!(fault.is(Common::PageTokenInvalid));
    shop.close().await;
}
