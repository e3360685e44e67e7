use crate::shop::{Shop, create, keyed, product, uuid, variant};
use catalog::rpc::create_product::create_product;
use catalog::rpc::create_variant::create_variant;
use catalog::rpc::delete_product::delete_product;
use catalog_api::v1::{
    CreateVariantRequest, DeleteProductRequest, ProductDeleted, Reason, VariantDeleted,
};
use diesel_async::RunQueryDsl;
use fault::Common;

fn request(id: &str) -> DeleteProductRequest {
    DeleteProductRequest { product_id: id.into(), ..Default::default() }
}

#[tokio::test]
async fn its_variants_are_deleted_and_its_key_and_skus_are_never_reused() {
    let shop = Shop::open().await;
    let made = create_product(&shop.app, create(keyed("k"), &["A-1", "A-2"])).await.unwrap();
    let id = made.product.unwrap().product_id;
    let stale = DeleteProductRequest { expected_version: Some(2), ..request(&id) };
    let fault = delete_product(&shop.app, stale).await.unwrap_err();
    assert!(fault.is(Common::ConcurrentModification));
    let answer = delete_product(&shop.app, request(&id)).await.unwrap();
    assert_eq!((answer.version, answer.variants), (2, 2));

    let events = shop.outbox().await;
    assert_eq!(events.len(), 6);
    assert_eq!(
        events[3].read::<ProductDeleted>(),
        ProductDeleted { product_id: id.clone(), version: 2 }
    );
    for (event, variant) in events[4..].iter().zip(&made.variants) {
        let event = event.read::<VariantDeleted>();
        assert_eq!((event.variant_id, event.version), (variant.variant_id.clone(), 2));
        assert_eq!((event.product_id, event.sku), (id.clone(), variant.sku.clone()));
    }
    for gone in [id, uuid()] {
        let fault = delete_product(&shop.app, request(&gone)).await.unwrap_err();
        assert!(fault.is(Reason::ProductNotFound));
    }
    let fault = create_product(&shop.app, create(product(), &["A-1"])).await.unwrap_err();
    assert!(fault.is(Reason::SkuTaken));
    let fault = create_product(&shop.app, create(keyed("k"), &["A-3"])).await.unwrap_err();
    assert!(fault.is(Reason::ProductKeyTaken));
    shop.close().await;
}

#[tokio::test]
async fn a_product_with_a_thousand_variants_is_deleted_and_one_with_more_is_refused() {
    let shop = Shop::open().await;
    let made = shop.product(&["A-1"]).await;
    let id = made.product.unwrap().product_id;
    let sql = format!(
        "insert into variants select gen_random_uuid(), product_id, 'B-' || n, n::text, size,
           material, gender, age_group, weight_grams, specifications, marketing_content,
           sha256(n::text::bytea), 1, created_at, updated_at, null
         from variants, generate_series(1, 1000) n where product_id = '{id}'"
    );
    let sql = &sql;
    shop.app
        .db
        .write("test", async |tx| Ok(diesel::sql_query(sql).execute(tx.conn()).await?))
        .await
        .unwrap();
    let fault = delete_product(&shop.app, request(&id)).await.unwrap_err();
    assert!(fault.is(Reason::TooManyVariants));
    let last = catalog_api::v1::DeleteVariantRequest {
        variant_id: made.variants[0].variant_id.clone(),
        ..Default::default()
    };
    catalog::rpc::delete_variant::delete_variant(&shop.app, last).await.unwrap();
    assert_eq!(delete_product(&shop.app, request(&id)).await.unwrap().variants, 1_000);
    shop.close().await;
}

#[tokio::test]
async fn a_concurrently_created_variant_never_survives_its_product() {
    let shop = Shop::open().await;
    for round in 0..10 {
        let made = shop.product(&[&format!("A-{round}")]).await;
        let id = made.product.unwrap().product_id;
        let add = CreateVariantRequest {
            product_id: id.clone(),
            variant: Some(variant(&format!("B-{round}"), "new")),
            ..Default::default()
        };
        let (deleted, added) =
            tokio::join!(delete_product(&shop.app, request(&id)), create_variant(&shop.app, add));
        let expected = if added.is_ok() { 2 } else { 1 };
        assert_eq!(deleted.unwrap().variants, expected);
        if let Err(fault) = added {
            assert!(fault.is(Reason::ProductNotFound));
        }
    }
    assert_eq!(shop.rows("variants where deleted_at is null").await, 0);
    shop.close().await;
}
