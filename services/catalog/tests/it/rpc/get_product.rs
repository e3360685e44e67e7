use crate::shop::{Shop, uuid};
use catalog::rpc::delete_product::delete_product;
use catalog::rpc::get_product::get_product;
use catalog_api::v1::{DeleteProductRequest, GetProductRequest, Reason};

#[tokio::test]
async fn a_product_is_found_until_it_is_deleted() {
    let shop = Shop::open().await;
    let made = shop.product(&["A-1"]).await.product.unwrap();
    let request = GetProductRequest { product_id: made.product_id.clone(), ..Default::default() };
    assert_eq!(get_product(&shop.app, request.clone()).await.unwrap().product.unwrap(), made);
    let delete = DeleteProductRequest { product_id: made.product_id, ..Default::default() };
    delete_product(&shop.app, delete).await.unwrap();
    for request in [request, GetProductRequest { product_id: uuid(), ..Default::default() }] {
        assert!(get_product(&shop.app, request).await.unwrap_err().is(Reason::ProductNotFound));
    }
    shop.close().await;
}
