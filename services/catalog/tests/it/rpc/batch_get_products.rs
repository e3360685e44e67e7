use crate::shop::{Shop, uuid};
use catalog::rpc::batch_get_products::batch_get_products;
use catalog_api::v1::BatchGetProductsRequest;

#[tokio::test]
async fn existing_products_are_in_the_requested_order() {
    let shop = Shop::open().await;
    let first = shop.product(&["A-1"]).await.product.unwrap();
    let second = shop.product(&["A-2"]).await.product.unwrap();
    let twice = second.product_id.clone();
    let product_ids = vec![second.product_id.clone(), uuid(), first.product_id.clone(), twice];
    let answer = batch_get_products(&shop.app, BatchGetProductsRequest { product_ids });
    let answer = answer.await.unwrap();
    assert_eq!(answer.products, [second, first]);
    assert!(answer.remaining_ids.is_empty());
    let wrong = BatchGetProductsRequest { product_ids: vec!["x".into()] };
    assert_eq!(batch_get_products(&shop.app, wrong).await.unwrap_err().reason(), "INVALID_FIELD");
    shop.close().await;
}
