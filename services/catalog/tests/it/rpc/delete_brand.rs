use crate::shop::{Shop, create, product, uuid};
use catalog::rpc::create_product::create_product;
use catalog::rpc::delete_brand::delete_brand;
use catalog_api::v1::{BrandDeleted, DeleteBrandRequest, ProductDraft, Reason};
use fault::Common;

fn request(id: &str) -> DeleteBrandRequest {
    DeleteBrandRequest { brand_id: id.into(), ..Default::default() }
}

fn of(id: &str) -> ProductDraft {
    ProductDraft { brand_id: id.into(), ..product() }
}

#[tokio::test]
async fn only_a_brand_without_products_can_be_deleted() {
    let shop = Shop::open().await;
    let (used, free) = (shop.brand("Acme").await.brand_id, shop.brand("Free").await.brand_id);
    create_product(&shop.app, create(of(&used), &["A-1"])).await.unwrap();
    let fault = delete_brand(&shop.app, request(&used)).await.unwrap_err();
    assert!(fault.is(Reason::Referenced));
    assert_eq!(fault.metadata()["products"], "1");
    let stale = DeleteBrandRequest { expected_version: Some(2), ..request(&free) };
    let fault = delete_brand(&shop.app, stale).await.unwrap_err();
    assert!(fault.is(Common::ConcurrentModification));
    assert_eq!(delete_brand(&shop.app, request(&free)).await.unwrap().version, 2);
    let event = shop.outbox().await.last().unwrap().read::<BrandDeleted>();
    assert_eq!(event, BrandDeleted { brand_id: free.clone(), version: 2 });
    for gone in [free, uuid()] {
        let fault = delete_brand(&shop.app, request(&gone)).await.unwrap_err();
        assert!(fault.is(Reason::BrandNotFound));
    }
    shop.brand("Free").await;
    shop.close().await;
}

#[tokio::test]
async fn a_concurrent_product_either_blocks_the_deletion_or_is_refused() {
    let shop = Shop::open().await;
    for round in 0..12 {
        let id = shop.brand(&format!("b{round}")).await.brand_id;
        let (deleted, created) = tokio::join!(
            delete_brand(&shop.app, request(&id)),
            create_product(&shop.app, create(of(&id), &[&format!("A-{round}")]))
        );
        match (deleted, created) {
            (Ok(_), Err(fault)) => assert!(fault.is(Reason::UnknownBrand), "{fault}"),
            (Err(fault), Ok(_)) => assert!(fault.is(Reason::Referenced), "{fault}"),
            both => panic!("{both:?}"),
        }
    }
    shop.close().await;
}
