use crate::shop::{Shop, create, product, uuid};
use catalog::rpc::create_product::create_product;
use catalog::rpc::delete_category::delete_category;
use catalog_api::v1::{CategoryDeleted, DeleteCategoryRequest, ProductDraft, Reason};
use fault::Common;

fn request(id: &str) -> DeleteCategoryRequest {
    DeleteCategoryRequest { category_id: id.into(), ..Default::default() }
}

fn filed(id: &str) -> ProductDraft {
    ProductDraft { category_ids: vec![id.into()], ..product() }
}

#[tokio::test]
async fn only_an_empty_category_can_be_deleted() {
    let shop = Shop::open().await;
    let top = shop.category("a", "").await;
    let below = shop.category("b", &top.category_id).await;
    create_product(&shop.app, create(filed(&top.category_id), &["A-1"])).await.unwrap();
    let fault = delete_category(&shop.app, request(&top.category_id)).await.unwrap_err();
    assert!(fault.is(Reason::Referenced));
    assert_eq!((&*fault.metadata()["products"], &*fault.metadata()["children"]), ("1", "1"));

    let id = below.category_id.as_str();
    let stale = DeleteCategoryRequest { expected_version: Some(2), ..request(id) };
    let fault = delete_category(&shop.app, stale).await.unwrap_err();
    assert!(fault.is(Common::ConcurrentModification));
    assert_eq!(delete_category(&shop.app, request(id)).await.unwrap().version, 2);
    let event = shop.outbox().await.last().unwrap().read::<CategoryDeleted>();
    assert_eq!(event, CategoryDeleted { category_id: id.into(), version: 2 });
    for gone in [id, &uuid()] {
        let fault = delete_category(&shop.app, request(gone)).await.unwrap_err();
        assert!(fault.is(Reason::CategoryNotFound));
    }
    let fault = create_product(&shop.app, create(filed(id), &["A-2"])).await.unwrap_err();
    assert!(fault.is(Reason::UnknownCategory));
    assert!(shop.try_category("c", id).await.unwrap_err().is(Reason::UnknownCategory));
    shop.category("b", "").await;
    shop.close().await;
}

#[tokio::test]
async fn a_concurrent_product_either_blocks_the_deletion_or_is_refused() {
    let shop = Shop::open().await;
    for round in 0..12 {
        let id = shop.category(&format!("k{round}"), "").await.category_id;
        let (deleted, created) = tokio::join!(
            delete_category(&shop.app, request(&id)),
            create_product(&shop.app, create(filed(&id), &[&format!("A-{round}")]))
        );
        match (deleted, created) {
            (Ok(_), Err(fault)) => assert!(fault.is(Reason::UnknownCategory), "{fault}"),
            (Err(fault), Ok(_)) => assert!(fault.is(Reason::Referenced), "{fault}"),
            both => panic!("{both:?}"),
        }
    }
    shop.close().await;
}

#[tokio::test]
async fn a_concurrent_child_either_blocks_the_deletion_or_is_refused() {
    let shop = Shop::open().await;
    for round in 0..12 {
        let id = shop.category(&format!("k{round}"), "").await.category_id;
        let child = format!("c{round}");
        let (deleted, created) =
            tokio::join!(delete_category(&shop.app, request(&id)), shop.try_category(&child, &id));
        assert!(deleted.is_ok() != created.is_ok(), "{deleted:?} {created:?}");
    }
    shop.close().await;
}
