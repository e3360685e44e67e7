use crate::shop::{Shop, create, product, uuid};
use catalog::rpc::create_product::create_product;
use catalog::rpc::delete_variant::delete_variant;
use catalog_api::v1::{DeleteVariantRequest, Reason, VariantDeleted};
use fault::Common;

fn request(id: &str) -> DeleteVariantRequest {
    DeleteVariantRequest { variant_id: id.into(), ..Default::default() }
}

#[tokio::test]
async fn a_variant_is_deleted_and_the_last_one_is_kept() {
    let shop = Shop::open().await;
    let made = shop.product(&["A-1", "A-2"]).await;
    let id = &made.variants[0].variant_id;
    let stale = DeleteVariantRequest { expected_version: Some(9), ..request(id) };
    let fault = delete_variant(&shop.app, stale).await.unwrap_err();
    assert!(fault.is(Common::ConcurrentModification));
    assert_eq!(delete_variant(&shop.app, request(id)).await.unwrap().version, 2);
    let event = shop.outbox().await.last().unwrap().read::<VariantDeleted>();
    assert_eq!((&event.variant_id, event.sku.as_str(), event.version), (id, "A-1", 2));
    for gone in [id.clone(), uuid()] {
        let fault = delete_variant(&shop.app, request(&gone)).await.unwrap_err();
        assert!(fault.is(Reason::VariantNotFound));
    }
    let last = request(&made.variants[1].variant_id);
    assert!(delete_variant(&shop.app, last).await.unwrap_err().is(Reason::LastVariant));
    let fault = create_product(&shop.app, create(product(), &["A-1"])).await.unwrap_err();
    assert!(fault.is(Reason::SkuTaken));
    shop.close().await;
}

#[tokio::test]
async fn of_concurrent_deletions_of_the_last_two_variants_one_is_refused() {
    let shop = Shop::open().await;
    for round in 0..10 {
        let made = shop.product(&[&format!("A-{round}"), &format!("B-{round}")]).await;
        let [left, right] = [0, 1].map(|at| request(&made.variants[at].variant_id));
        let (left, right) =
            tokio::join!(delete_variant(&shop.app, left), delete_variant(&shop.app, right));
        let refused: Vec<_> = [left, right].into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1);
        assert!(refused[0].is(Reason::LastVariant), "{}", refused[0]);
    }
    shop.close().await;
}
