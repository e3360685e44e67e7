use crate::shop::{Said, Shop, attribute, mask, uuid};
use catalog::rpc::create_variant::create_variant;
use catalog::rpc::delete_brand::delete_brand;
use catalog::rpc::delete_product::delete_product;
use catalog::rpc::republish_aggregates::republish_aggregates;
use catalog::rpc::update_product::update_product;
use contracts::catalog::v1::{
    AggregateType, AttributeType, CategoryUpdated, CreateVariantRequest, DeleteBrandRequest,
    DeleteProductRequest, ProductDraft, ProductUpdated, RepublishAggregatesRequest,
    RepublishAggregatesResponse, UpdateProductRequest,
};

async fn republish(shop: &Shop, kind: AggregateType, ids: &[&str]) -> RepublishAggregatesResponse {
    let ids = ids.iter().map(ToString::to_string).collect();
    let request = RepublishAggregatesRequest { r#type: kind.into(), ids, ..Default::default() };
    republish_aggregates(&shop.app, request).await.unwrap()
}

/// What was said since.
async fn since(shop: &Shop, before: usize) -> Vec<Said> {
    shop.said().await.split_off(before)
}

#[tokio::test]
async fn the_current_state_is_said_at_its_version_and_nothing_changes() {
    let shop = Shop::open().await;
    let created = shop.product(&["A-1"]).await;
    let product_id = created.product.unwrap().product_id;
    let update = UpdateProductRequest {
        product_id: product_id.clone(),
        product: Some(ProductDraft { title: "New".into(), ..Default::default() }),
        update_mask: mask(&["title"]),
        ..Default::default()
    };
    let updated = update_product(&shop.app, update).await.unwrap().product.unwrap();
    let brand = shop.brand("Acme").await.brand_id;
    let category = shop.category("c", "").await;
    let size = shop.define(attribute("x", AttributeType::Text)).await.unwrap().attribute_id;
    let before = shop.said().await.len();

    let unknown = uuid();
    let answer =
        republish(&shop, AggregateType::Product, &[&unknown, &product_id, &product_id]).await;
    assert_eq!((answer.published, answer.unknown_ids), (1, vec![unknown]));
    let said = since(&shop, before).await;
    let [said] = &said[..] else { panic!("{said:?}") };
    assert_eq!((said.version, &said.key), (2, &product_id));
    let event: ProductUpdated = said.read();
    assert_eq!((event.product, event.changed), (Some(updated), vec![]));

    let variant = &created.variants[0].variant_id;
    for (kind, id) in [
        (AggregateType::Variant, variant),
        (AggregateType::Category, &category.category_id),
        (AggregateType::Brand, &brand),
        (AggregateType::Attribute, &size),
    ] {
        assert_eq!(republish(&shop, kind, &[id]).await.published, 1, "{kind:?}");
        // An id belongs to its type.
        let answer = republish(&shop, AggregateType::Product, &[id]).await;
        assert_eq!(answer.unknown_ids, std::slice::from_ref(id));
    }
    let said = since(&shop, before + 1).await;
    let told: Vec<(&str, i64)> =
        said.iter().map(|said| (said.subject.as_str(), said.version)).collect();
    let expected = [
        "catalog.variant.updated",
        "catalog.category.updated",
        "catalog.brand.updated",
        "catalog.attribute.config_changed",
    ];
    assert_eq!(told, expected.map(|subject| (subject, 1)));
    assert_eq!(said[1].read::<CategoryUpdated>().category, Some(category));
    shop.close().await;
}

#[tokio::test]
async fn of_what_is_deleted_the_deletion_is_said() {
    let shop = Shop::open().await;
    let created = shop.product(&["A-1"]).await;
    let (product, variant) = (created.product.unwrap(), &created.variants[0]);
    let delete =
        DeleteProductRequest { product_id: product.product_id.clone(), ..Default::default() };
    delete_product(&shop.app, delete).await.unwrap();
    let brand = shop.brand("Acme").await.brand_id;
    let delete = DeleteBrandRequest { brand_id: brand.clone(), ..Default::default() };
    delete_brand(&shop.app, delete).await.unwrap();
    let said = shop.said().await;
    let first = |subject: &str| said.iter().find(|said| said.subject == subject).unwrap().clone();
    for (kind, id, subject) in [
        (AggregateType::Product, &product.product_id, "catalog.product.deleted"),
        (AggregateType::Variant, &variant.variant_id, "catalog.variant.deleted"),
        (AggregateType::Brand, &brand, "catalog.brand.deleted"),
    ] {
        assert_eq!(republish(&shop, kind, &[id]).await.published, 1);
        assert_eq!(shop.said().await.last(), Some(&first(subject)), "the same words again");
    }
    shop.close().await;
}

#[tokio::test]
async fn a_repeated_request_publishes_nothing() {
    let shop = Shop::open().await;
    let product = shop.product(&["A-1"]).await.product.unwrap();
    let request = RepublishAggregatesRequest {
        r#type: AggregateType::Product.into(),
        ids: vec![product.product_id],
        request_id: uuid(),
    };
    let first = republish_aggregates(&shop.app, request.clone()).await.unwrap();
    let said = shop.said().await.len();
    assert_eq!(republish_aggregates(&shop.app, request).await.unwrap(), first);
    assert_eq!(shop.said().await.len(), said);
    shop.close().await;
}

/// Whoever changes an aggregate and whoever publishes it again take turns, so versions never go backwards in the outbox.
#[tokio::test(flavor = "multi_thread")]
async fn beside_changes_versions_stay_in_order() {
    let shop = Shop::open().await;
    let product = shop.product(&["A-0"]).await.product.unwrap().product_id;
    let change = async {
        for number in 1..=60 {
            let title = format!("Title {number}");
            let update = UpdateProductRequest {
                product_id: product.clone(),
                product: Some(ProductDraft { title, ..Default::default() }),
                update_mask: mask(&["title"]),
                ..Default::default()
            };
            update_product(&shop.app, update).await.unwrap();
            let variant = Some(crate::shop::variant(&format!("A-{number}"), &number.to_string()));
            let request =
                CreateVariantRequest { product_id: product.clone(), variant, ..Default::default() };
            create_variant(&shop.app, request).await.unwrap();
        }
    };
    let again = async {
        for _ in 0..60 {
            republish(&shop, AggregateType::Product, &[&product]).await;
        }
    };
    tokio::join!(change, again);
    let said = shop.said().await;
    let versions: Vec<i64> =
        said.iter().filter(|said| said.key == product).map(|said| said.version).collect();
    assert!(versions.is_sorted(), "{versions:?}");
    assert_eq!((versions.len(), versions.last()), (121, Some(&61)));
    shop.close().await;
}
