use crate::shop::{Shop, uuid};
use catalog::rpc::delete_product::delete_product;
use catalog::rpc::get_variant::get_variant;
use catalog_api::v1::get_variant_request::Name;
use catalog_api::v1::{DeleteProductRequest, GetVariantRequest, Reason};

fn request(name: Name) -> GetVariantRequest {
    GetVariantRequest { name: Some(name) }
}

#[tokio::test]
async fn a_variant_is_found_by_id_or_sku_until_it_is_deleted() {
    let shop = Shop::open().await;
    let made = shop.product(&["A-1"]).await;
    let own = &made.variants[0];
    let names = [Name::VariantId(own.variant_id.clone()), Name::Sku("A-1".into())];
    for name in names.clone() {
        let found = get_variant(&shop.app, request(name)).await.unwrap();
        assert_eq!(found.variant.as_ref(), Some(own));
    }
    let product_id = made.product.unwrap().product_id;
    let delete = DeleteProductRequest { product_id, ..Default::default() };
    delete_product(&shop.app, delete).await.unwrap();
    let others = [Name::VariantId(uuid()), Name::Sku("a-1".into()), Name::Sku("ö\0".into())];
    for name in names.into_iter().chain(others) {
        let fault = get_variant(&shop.app, request(name)).await.unwrap_err();
        assert!(fault.is(Reason::VariantNotFound));
    }
    shop.close().await;
}
