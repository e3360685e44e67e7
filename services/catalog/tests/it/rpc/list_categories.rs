use crate::shop::Shop;
use catalog::rpc::list_categories::list_categories;
use catalog_api::v1::ListCategoriesRequest;
use fault::Common;

#[tokio::test]
async fn all_or_the_children_of_one_are_listed_by_id() {
    let shop = Shop::open().await;
    let top = shop.category("a", "").await;
    let first = shop.category("b", &top.category_id).await;
    let below = shop.category("c", &first.category_id).await;
    let second = shop.category("d", &top.category_id).await;
    let all = list_categories(&shop.app, ListCategoriesRequest::default()).await.unwrap();
    assert_eq!(all.categories, [top.clone(), first.clone(), below, second.clone()]);

    let children = ListCategoriesRequest {
        parent_id: top.category_id.clone(),
        page_size: 1,
        ..Default::default()
    };
    let page = list_categories(&shop.app, children.clone()).await.unwrap();
    assert_eq!(page.categories, [first]);
    let next = ListCategoriesRequest { page_token: page.next_page_token, ..children };
    let page = list_categories(&shop.app, next.clone()).await.unwrap();
    assert_eq!((page.categories, page.next_page_token.as_str()), (vec![second], ""));
    let other = ListCategoriesRequest { parent_id: String::new(), ..next };
    let fault = list_categories(&shop.app, other).await.unwrap_err();
    assert!(fault.is(Common::PageTokenInvalid));
    shop.close().await;
}
