use crate::shop::{Shop, uuid};
use catalog::rpc::get_category::get_category;
use catalog_api::v1::{GetCategoryRequest, Reason};

#[tokio::test]
async fn a_category_is_found_by_its_id() {
    let shop = Shop::open().await;
    let made = shop.category("phones", "").await;
    let request = GetCategoryRequest { category_id: made.category_id.clone() };
    assert_eq!(get_category(&shop.app, request).await.unwrap().category, Some(made));
    let fault = get_category(&shop.app, GetCategoryRequest { category_id: uuid() }).await;
    assert!(fault.unwrap_err().is(Reason::CategoryNotFound));
    shop.close().await;
}
