use crate::shop::{Shop, uuid};
use catalog::rpc::get_brand::get_brand;
use catalog_api::v1::{GetBrandRequest, Reason};

#[tokio::test]
async fn a_brand_is_found_by_its_id() {
    let shop = Shop::open().await;
    let made = shop.brand("Acme").await;
    let request = GetBrandRequest { brand_id: made.brand_id.clone() };
    assert_eq!(get_brand(&shop.app, request).await.unwrap().brand, Some(made));
    let fault = get_brand(&shop.app, GetBrandRequest { brand_id: uuid() }).await.unwrap_err();
    assert!(fault.is(Reason::BrandNotFound));
    shop.close().await;
}
