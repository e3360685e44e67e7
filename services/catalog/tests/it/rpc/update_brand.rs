use crate::shop::{Shop, uuid};
use catalog::rpc::update_brand::update_brand;
use catalog_api::v1::{BrandUpdated, UpdateBrandRequest};

fn request(id: &str, name: &str) -> UpdateBrandRequest {
    UpdateBrandRequest { brand_id: id.into(), name: name.into(), ..Default::default() }
}

#[tokio::test]
async fn a_brand_is_renamed_once() {
    let shop = Shop::open().await;
    let id = shop.brand("Acme").await.brand_id;
    shop.brand("Other").await;
    let renamed = update_brand(&shop.app, request(&id, "ACME")).await.unwrap().brand.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.version), ("ACME", 2));
    let event = shop.outbox().await.last().unwrap().read::<BrandUpdated>();
    assert_eq!((event.brand, event.changed), (Some(renamed), vec!["name".to_owned()]));
    let before = shop.all_rows().await;
    update_brand(&shop.app, request(&id, "ACME")).await.unwrap();
    let stale = UpdateBrandRequest { expected_version: Some(1), ..request(&id, "x") };
    let cases = [
        (request(&uuid(), "x"), "BRAND_NOT_FOUND"),
        (request(&id, "oTHER"), "BRAND_NAME_TAKEN"),
        (stale, "CONCURRENT_MODIFICATION"),
    ];
    for (request, reason) in cases {
        assert_eq!(update_brand(&shop.app, request).await.unwrap_err().reason(), reason);
    }
    assert_eq!(shop.all_rows().await, before);
    shop.close().await;
}
