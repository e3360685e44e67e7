use crate::shop::{
    OutboxEvent, Shop, attribute, create, json, keyed, mask, text, uuid, value, variant,
};
use catalog::domain::stock::Stocked;
use catalog::jobs::keep_stock_status;
use catalog::rpc::create_product::create_product;
use catalog::rpc::create_variant::create_variant;
use catalog::rpc::delete_brand::delete_brand;
use catalog::rpc::delete_product::delete_product;
use catalog::rpc::update_product::update_product;
use catalog::store::display::{self, NewLevel};
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{
    AttributeDraft, AttributeRules, AttributeType, CategoryUpdated, CreateVariantRequest,
    DeleteBrandRequest, DeleteProductRequest, ProductDraft, ProductUpdated, UpdateProductRequest,
    VariantDraft,
};
use contracts::types::v1::Money;
use kernel::id::Id;
use pg::heads::{self, AggregateHead, Aggregates, Which};
use std::collections::BTreeSet;

fn aggregates(family: &str) -> &'static Aggregates {
    catalog::ROLE.aggregates.iter().find(|own| own.family == family).unwrap()
}

/// Publishes again; returns the keys that exist.
async fn republish(shop: &Shop, family: &str, keys: &[&str]) -> BTreeSet<String> {
    let keys: &Vec<String> = &keys.iter().map(ToString::to_string).collect();
    let aggregates = aggregates(family);
    let published = shop.app.db.write("test", async |tx| aggregates.republish(tx, keys).await);
    published.await.unwrap()
}

async fn heads(shop: &Shop, family: &str) -> Vec<AggregateHead> {
    let all = Which::After { key: "", limit: 100 };
    shop.app.db.read("test", async |tx| heads::list(tx, family, all).await).await.unwrap()
}

/// Numbers that JSON and columns may round.
const NUMBERS: [f64; 8] =
    [-0.0, 0.1 + 0.2, 1e300, 5e-324, -1.0 / 3.0, 9_007_199_254_740_993.0, 123_456.789e-7, 1.0];

#[tokio::test]
async fn a_republished_event_has_the_digest_of_the_original() {
    let shop = Shop::open().await;
    shop.category("c", "").await;
    shop.brand("Acme").await;
    let rules = AttributeRules { min: Some(0.1), max: Some(1e3), pattern: "(?s)a.*".into() };
    shop.define(AttributeDraft { rules: Some(rules), ..attribute("text", AttributeType::Text) })
        .await
        .unwrap();
    for (at, number) in NUMBERS.into_iter().enumerate() {
        for (code, kind) in [("number", AttributeType::Number), ("json", AttributeType::Json)] {
            shop.define(attribute(&format!("{code}_{at}"), kind)).await.unwrap();
        }
        shop.define(attribute(&format!("number_{at}"), AttributeType::Money)).await.unwrap();
        let money = Money { currency_code: "KWD".into(), minor_units: Some(i64::MAX) };
        let values = vec![
            value(&format!("json_{at}"), Value::Json(json("deep", number))),
            value(&format!("number_{at}"), Value::Money(money)),
            value(&format!("number_{at}"), Value::Number(number)),
            text("text", "a\u{1f600}\n\"\\"),
        ];
        let draft = ProductDraft {
            tier2_attributes: values.clone(),
            specifications: Some(json("x", number)),
            marketing_content: Some(json("", -number)),
            ..keyed(&format!("k{at}"))
        };
        let mut request = create(draft, &[]);
        let sku = format!("A-{at}");
        request.variants = vec![VariantDraft { tier2_attributes: values, ..variant(&sku, "red") }];
        create_product(&shop.app, request).await.unwrap();
    }
    let level = NewLevel {
        stock_id: Id::new(),
        product_id: Id::new(),
        stocked: Stocked {
            variant_id: Id::new(),
            warehouse_id: Id::new(),
            available: 7,
            backorderable: 0,
            ships: true,
            status: "low_stock".into(),
        },
    };
    let level = &level;
    shop.app
        .db
        .write("test", async |tx| display::keep_levels(tx, std::slice::from_ref(level)).await)
        .await
        .unwrap();
    keep_stock_status::round(&shop.app).await.unwrap();
    for aggregates in catalog::ROLE.aggregates {
        let family = aggregates.family;
        let before = heads(&shop, family).await;
        assert!(!before.is_empty(), "{family}");
        let keys: Vec<&str> = before.iter().map(|head| head.key.as_str()).collect();
        assert_eq!(republish(&shop, family, &keys).await.len(), before.len());
        let state = |heads: Vec<AggregateHead>| -> Vec<_> {
            heads.into_iter().map(|head| (head.key, head.version, head.digest)).collect()
        };
        assert_eq!(state(heads(&shop, family).await), state(before), "{family}");
    }
    shop.close().await;
}

/// Events of the outbox after the first `before`.
async fn since(shop: &Shop, before: usize) -> Vec<OutboxEvent> {
    shop.outbox().await.split_off(before)
}

#[tokio::test]
async fn the_current_state_is_published_at_its_version_and_nothing_changes() {
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
    let before = shop.outbox().await.len();

    let answer = republish(&shop, "catalog.product", &[&uuid(), &product_id, &product_id]).await;
    assert_eq!(answer, [product_id.clone()].into());
    let events = since(&shop, before).await;
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.version, &event.key), (2, &product_id));
    let event: ProductUpdated = event.read();
    assert_eq!((event.product, event.changed), (Some(updated), vec![]));

    let variant = &created.variants[0].variant_id;
    for (family, id) in [
        ("catalog.variant", variant),
        ("catalog.category", &category.category_id),
        ("catalog.brand", &brand),
        ("catalog.attribute", &size),
    ] {
        assert_eq!(republish(&shop, family, &[id]).await.len(), 1, "{family}");
        // An id belongs to its family.
        assert!(republish(&shop, "catalog.product", &[id]).await.is_empty());
    }
    let events = since(&shop, before + 1).await;
    let published: Vec<(&str, i64)> =
        events.iter().map(|event| (event.subject.as_str(), event.version)).collect();
    let expected = [
        "catalog.variant.updated",
        "catalog.category.updated",
        "catalog.brand.updated",
        "catalog.attribute.config_changed",
    ];
    assert_eq!(published, expected.map(|subject| (subject, 1)));
    assert_eq!(events[1].read::<CategoryUpdated>().category, Some(category));
    shop.close().await;
}

#[tokio::test]
async fn of_deleted_aggregates_the_deletion_is_published() {
    let shop = Shop::open().await;
    let created = shop.product(&["A-1"]).await;
    let (product, variant) = (created.product.unwrap(), &created.variants[0]);
    let delete =
        DeleteProductRequest { product_id: product.product_id.clone(), ..Default::default() };
    delete_product(&shop.app, delete).await.unwrap();
    let brand = shop.brand("Acme").await.brand_id;
    let delete = DeleteBrandRequest { brand_id: brand.clone(), ..Default::default() };
    delete_brand(&shop.app, delete).await.unwrap();
    let events = shop.outbox().await;
    let first =
        |subject: &str| events.iter().find(|event| event.subject == subject).unwrap().clone();
    for (family, id, subject) in [
        ("catalog.product", &product.product_id, "catalog.product.deleted"),
        ("catalog.variant", &variant.variant_id, "catalog.variant.deleted"),
        ("catalog.brand", &brand, "catalog.brand.deleted"),
    ] {
        assert_eq!(republish(&shop, family, &[id]).await.len(), 1);
        assert_eq!(shop.outbox().await.last(), Some(&first(subject)), "the same event again");
    }
    shop.close().await;
}

/// Both lock the aggregate, so versions never decrease in the outbox.
#[tokio::test(flavor = "multi_thread")]
async fn versions_stay_in_order_when_changes_and_republishing_run_concurrently() {
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
            let added = variant(&format!("A-{number}"), &number.to_string());
            let request = CreateVariantRequest {
                product_id: product.clone(),
                variant: Some(added),
                ..Default::default()
            };
            create_variant(&shop.app, request).await.unwrap();
        }
    };
    let again = async {
        for _ in 0..60 {
            republish(&shop, "catalog.product", &[&product]).await;
        }
    };
    tokio::join!(change, again);
    let events = shop.outbox().await;
    let versions: Vec<i64> =
        events.iter().filter(|event| event.key == product).map(|event| event.version).collect();
    assert!(versions.is_sorted(), "{versions:?}");
    assert_eq!((versions.len(), versions.last()), (121, Some(&61)));
    shop.close().await;
}
