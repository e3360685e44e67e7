use crate::shop::{Shop, attribute, create, json, keyed, mask, product, text, uuid};
use catalog::rpc::create_product::create_product;
use catalog::rpc::update_product::update_product;
use catalog_api::v1::{
    AttributeType, ProductDraft, ProductStatus, ProductUpdated, Reason, UpdateProductRequest,
};
use fault::Common;
use futures::future::join_all;

fn request(id: &str, product: ProductDraft, paths: &[&str]) -> UpdateProductRequest {
    UpdateProductRequest {
        product_id: id.into(),
        product: Some(product),
        update_mask: mask(paths),
        ..Default::default()
    }
}

#[tokio::test]
async fn masked_fields_are_changed_and_published_once() {
    let shop = Shop::open().await;
    shop.define(attribute("processor", AttributeType::Text)).await.unwrap();
    let (brand, category) = (shop.brand("Acme").await, shop.category("c", "").await);
    let made = shop.product(&["A-1"]).await.product.unwrap();
    let draft = ProductDraft {
        title: "Phone 2".into(),
        description: "left out".into(),
        brand_id: brand.brand_id,
        category_ids: vec![category.category_id],
        status: ProductStatus::Draft.into(),
        tier2_attributes: vec![text("processor", "A19")],
        specifications: Some(json("a", 1.5)),
        ..keyed("k")
    };
    let paths = [
        "key",
        "title",
        "brand_id",
        "category_ids",
        "status",
        "tier2_attributes",
        "specifications",
    ];
    let request = request(&made.product_id, draft, &paths);
    let updated = update_product(&shop.app, request.clone()).await.unwrap().product.unwrap();
    assert_eq!((updated.version, updated.description.as_str()), (2, ""));
    assert_eq!(updated.tier2_attributes, [text("processor", "A19")]);
    let event = shop.outbox().await.last().unwrap().read::<ProductUpdated>();
    assert_eq!(event.changed, paths);
    assert_eq!(event.product.as_ref(), Some(&updated));

    let before = shop.all_rows().await;
    let again = update_product(&shop.app, request).await.unwrap().product.unwrap();
    assert_eq!(again, updated);
    assert_eq!(shop.all_rows().await, before);
    shop.close().await;
}

#[tokio::test]
async fn it_is_refused_for_each_of_its_reasons() {
    let shop = Shop::open().await;
    let made = shop.product(&["A-1"]).await.product.unwrap();
    let id = made.product_id.as_str();
    create_product(&shop.app, create(keyed("k"), &["A-2"])).await.unwrap();
    let stale =
        UpdateProductRequest { expected_version: Some(2), ..request(id, product(), &["title"]) };
    let with = |values| ProductDraft { tier2_attributes: values, ..product() };
    let unknown = with(vec![text("nope", "x")]);
    let cases = [
        (request(&uuid(), product(), &["title"]), "PRODUCT_NOT_FOUND"),
        (stale, "CONCURRENT_MODIFICATION"),
        (request(id, product(), &["variants"]), "FIELD_MASK_INVALID"),
        (request(id, product(), &[]), "FIELD_MASK_INVALID"),
        (request(id, keyed("k"), &["key"]), "PRODUCT_KEY_TAKEN"),
        (
            request(id, ProductDraft { brand_id: uuid(), ..product() }, &["brand_id"]),
            "UNKNOWN_BRAND",
        ),
        (
            request(
                id,
                ProductDraft { category_ids: vec![uuid()], ..product() },
                &["category_ids"],
            ),
            "UNKNOWN_CATEGORY",
        ),
        (request(id, unknown.clone(), &["tier2_attributes"]), "UNKNOWN_ATTRIBUTE"),
        (request(id, ProductDraft::default(), &["title"]), "INVALID_FIELD"),
        (request(id, product(), &["status"]), "INVALID_FIELD"),
    ];
    for (request, reason) in cases {
        let fault = update_product(&shop.app, request).await.unwrap_err();
        assert_eq!(fault.reason(), reason, "{fault}");
    }
    // A field outside the mask is not validated.
    let same = update_product(&shop.app, request(id, unknown, &["title"])).await.unwrap();
    assert_eq!(same.product.unwrap(), made);
    shop.close().await;
}

#[tokio::test]
async fn a_former_key_of_a_product_is_never_given_to_another() {
    let shop = Shop::open().await;
    let made = create_product(&shop.app, create(keyed("k"), &["A-1"])).await.unwrap();
    let id = made.product.unwrap().product_id;
    let renamed = update_product(&shop.app, request(&id, keyed("l"), &["key"])).await.unwrap();
    assert_eq!(renamed.product.unwrap().key, "l");
    let fault = create_product(&shop.app, create(keyed("k"), &["A-2"])).await.unwrap_err();
    assert!(fault.is(Reason::ProductKeyTaken));
    let back = update_product(&shop.app, request(&id, keyed("k"), &["key"])).await.unwrap();
    assert_eq!(back.product.unwrap().key, "k");
    let none = update_product(&shop.app, request(&id, product(), &["key"])).await.unwrap();
    assert_eq!(none.product.unwrap().key, "");
    shop.close().await;
}

#[tokio::test]
async fn of_concurrent_updates_with_one_expected_version_one_succeeds() {
    let shop = Shop::open().await;
    let id = shop.product(&["A-1"]).await.product.unwrap().product_id;
    let tries = (0..8).map(|at| {
        let draft = ProductDraft { title: format!("Phone {at}"), ..product() };
        let request =
            UpdateProductRequest { expected_version: Some(1), ..request(&id, draft, &["title"]) };
        update_product(&shop.app, request)
    });
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for fault in answers.into_iter().filter_map(Result::err) {
        assert!(fault.is(Common::ConcurrentModification));
        assert_eq!(fault.metadata()["current_version"], "2");
    }
    shop.close().await;
}
