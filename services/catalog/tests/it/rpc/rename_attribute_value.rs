use crate::shop::{Shop, attribute, create, product, text, value, variant};
use catalog::rpc::create_product::create_product;
use catalog::rpc::get_variant::get_variant;
use catalog::rpc::rename_attribute_value::rename_attribute_value;
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{
    AttributeDraft, AttributeType, CreateProductRequest, GetVariantRequest, ProductDraft,
    ProductUpdated, Reason, RenameAttributeValueRequest, RenameAttributeValueResponse, TextList,
    VariantDraft, get_variant_request::Name,
};
use fault::Fault;
use futures::future::join_all;

fn request(code: &str, kind: AttributeType, from: &str, to: &str) -> RenameAttributeValueRequest {
    RenameAttributeValueRequest {
        code: code.into(),
        r#type: kind.into(),
        from: from.into(),
        to: to.into(),
        ..Default::default()
    }
}

async fn rename(shop: &Shop, from: &str, to: &str) -> Result<RenameAttributeValueResponse, Fault> {
    rename_attribute_value(&shop.app, request("paint", AttributeType::Enum, from, to)).await
}

/// A definition that allows some paints, with which variants differ.
async fn define(shop: &Shop, allowed: &[&str]) {
    let paint = AttributeDraft {
        allowed_values: allowed.iter().map(ToString::to_string).collect(),
        variant_defining: true,
        ..attribute("paint", AttributeType::Enum)
    };
    shop.define(paint).await.unwrap();
}

fn painted(sku: &str, paint: &str) -> VariantDraft {
    VariantDraft { tier2_attributes: vec![text("paint", paint)], ..variant(sku, "any") }
}

fn allowed(answer: &RenameAttributeValueResponse) -> Vec<String> {
    answer.attribute.clone().unwrap().definition.unwrap().allowed_values
}

#[tokio::test]
async fn an_allowed_value_is_renamed_wherever_it_is() {
    let shop = Shop::open().await;
    define(&shop, &["red", "blue"]).await;
    let draft = ProductDraft { tier2_attributes: vec![text("paint", "red")], ..product() };
    let variants = vec![painted("A-1", "red"), painted("A-2", "blue")];
    let made = CreateProductRequest { product: Some(draft), variants, ..Default::default() };
    create_product(&shop.app, made).await.unwrap();

    let answer = rename(&shop, "red", " Crimson ").await.unwrap();
    assert_eq!((answer.changed, answer.remaining), (2, 0));
    assert_eq!(allowed(&answer), ["Crimson", "blue"]);
    let by_sku = GetVariantRequest { name: Some(Name::Sku("A-1".into())) };
    let found = get_variant(&shop.app, by_sku).await.unwrap().variant.unwrap();
    assert_eq!((found.tier2_attributes, found.version), (vec![text("paint", "Crimson")], 2));
    let events = shop.outbox().await;
    let updated = events.iter().find(|event| event.subject == "catalog.product.updated").unwrap();
    let updated = updated.read::<ProductUpdated>();
    assert_eq!(updated.changed, ["tier2_attributes"]);
    assert_eq!(updated.product.unwrap().tier2_attributes, [text("paint", "Crimson")]);

    // The options follow, so no variant takes those of another one.
    let fault = rename(&shop, "blue", "Crimson").await.unwrap_err();
    assert!(fault.is(Reason::OptionsTaken), "{fault}");
    assert!(rename(&shop, "red", "green").await.unwrap_err().is(Reason::AttributeValueInvalid));
    let number = request("paint", AttributeType::Number, "a", "b");
    let fault = rename_attribute_value(&shop.app, number).await.unwrap_err();
    assert_eq!(fault.violations()[0].field, "type");
    let unknown = request("none", AttributeType::Text, "a", "b");
    let fault = rename_attribute_value(&shop.app, unknown).await.unwrap_err();
    assert!(fault.is(Reason::UnknownAttribute));
    shop.close().await;
}

#[tokio::test]
async fn two_values_become_one_in_lists_too() {
    let shop = Shop::open().await;
    let bands = AttributeDraft {
        allowed_values: vec!["n1".into(), "N-1".into(), "n78".into()],
        ..attribute("bands", AttributeType::MultiEnum)
    };
    shop.define(bands).await.unwrap();
    let list = |own: &[&str]| {
        let values = own.iter().map(ToString::to_string).collect();
        value("bands", Value::Texts(TextList { values }))
    };
    let draft = ProductDraft { tier2_attributes: vec![list(&["N-1", "n78", "n1"])], ..product() };
    let made = create_product(&shop.app, create(draft, &["A-1"])).await.unwrap();
    let merge = request("bands", AttributeType::MultiEnum, "N-1", "n1");
    let answer = rename_attribute_value(&shop.app, merge).await.unwrap();
    assert_eq!(allowed(&answer), ["n1", "n78"]);
    let id = made.product.unwrap().product_id;
    let event = shop.outbox().await.into_iter().rfind(|event| event.key == id).unwrap();
    let updated = event.read::<ProductUpdated>().product.unwrap();
    assert_eq!(updated.tier2_attributes, [list(&["n78", "n1"])]);
    shop.close().await;
}

/// Products are created while the value is renamed: none keeps the old one unseen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_is_left_behind_by_concurrent_creations() {
    let shop = Shop::open().await;
    define(&shop, &["red", "blue"]).await;
    let creations = (0..20).map(|n| {
        let made = CreateProductRequest {
            product: Some(product()),
            variants: vec![painted(&format!("A-{n}"), "red")],
            ..Default::default()
        };
        let app = shop.app.clone();
        tokio::spawn(async move { create_product(&app, made).await })
    });
    let creations: Vec<_> = creations.collect();
    rename(&shop, "red", "crimson").await.unwrap();
    for creation in join_all(creations).await {
        if let Err(fault) = creation.unwrap() {
            assert!(fault.is(Reason::AttributeValueInvalid), "{fault}");
        }
    }
    let fault = rename(&shop, "red", "green").await.unwrap_err();
    assert!(fault.is(Reason::AttributeValueInvalid), "nothing has it: {fault}");
    shop.close().await;
}
