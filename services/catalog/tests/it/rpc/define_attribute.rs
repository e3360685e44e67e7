use crate::shop::{Shop, attribute, create, product, text, value, variant};
use catalog::rpc::create_product::create_product;
use catalog::rpc::create_variant::create_variant;
use catalog::rpc::define_attribute::define_attribute;
use catalog::rpc::rename_attribute_value::rename_attribute_value;
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{
    AttributeConfigChanged, AttributeDraft, AttributeRules, AttributeType, CreateVariantRequest,
    DefineAttributeRequest, ProductDraft, Reason, RenameAttributeValueRequest, TextList,
    VariantDraft,
};
use fault::Common;
use futures::future::join_all;

#[tokio::test]
async fn a_definition_is_created_changed_and_left_unchanged() {
    let shop = Shop::open().await;
    let draft = AttributeDraft {
        unit: "cm".into(),
        rules: Some(AttributeRules { min: Some(0.5), max: None, pattern: String::new() }),
        ..attribute("screen_size", AttributeType::Measurement)
    };
    let made = shop.define(draft.clone()).await.unwrap();
    assert_eq!((made.version, made.definition.as_ref()), (1, Some(&draft)));
    let before = shop.all_rows().await;
    assert_eq!(shop.define(draft.clone()).await.unwrap(), made);
    assert_eq!(shop.all_rows().await, before);
    let other = AttributeDraft { facetable: true, ..draft.clone() };
    let changed = shop.define(other.clone()).await.unwrap();
    assert_eq!((changed.version, &changed.attribute_id), (2, &made.attribute_id));
    let event = shop.outbox().await.last().unwrap().read::<AttributeConfigChanged>();
    assert_eq!(event.attribute, Some(changed));

    // The same code for another kind of value is another definition.
    let text = shop.define(attribute("screen_size", AttributeType::Text)).await.unwrap();
    assert_eq!(text.version, 1);
    let with = |attribute, expected_version| DefineAttributeRequest {
        attribute: Some(attribute),
        expected_version,
        ..Default::default()
    };
    let unknown = attribute("new", AttributeType::Text);
    for request in [with(draft.clone(), Some(1)), with(unknown, Some(1))] {
        let fault = define_attribute(&shop.app, request).await.unwrap_err();
        assert!(fault.is(Common::ConcurrentModification));
    }
    let contradictory = AttributeDraft { unit: String::new(), ..draft };
    let fault = shop.define(contradictory).await.unwrap_err();
    assert!(fault.is(Reason::AttributeDefinitionInvalid));
    shop.close().await;
}

#[tokio::test]
async fn a_definition_in_use_keeps_the_meaning_of_its_values() {
    let shop = Shop::open().await;
    let finish = AttributeDraft {
        allowed_values: vec!["matt".into(), "gloss".into(), "raw".into()],
        ..attribute("finish", AttributeType::Enum)
    };
    let bands = attribute("bands", AttributeType::MultiEnum);
    shop.define(finish.clone()).await.unwrap();
    shop.define(bands.clone()).await.unwrap();
    let list = TextList { values: vec!["n1".into(), "n78".into()] };
    let values = vec![text("finish", "matt"), value("bands", Value::Texts(list))];
    let draft = ProductDraft { tier2_attributes: values, ..product() };
    let made = create_product(&shop.app, create(draft, &["A-1"])).await.unwrap();

    let allowing = |draft: &AttributeDraft, values: &[&str]| AttributeDraft {
        allowed_values: values.iter().map(ToString::to_string).collect(),
        ..draft.clone()
    };
    let refused = [allowing(&finish, &["gloss"]), allowing(&bands, &["n1"])];
    for draft in refused {
        let fault = shop.define(draft).await.unwrap_err();
        assert!(fault.is(Reason::AttributeInUse), "{fault}");
    }
    shop.define(allowing(&finish, &["matt", "gloss"])).await.unwrap();
    shop.define(allowing(&bands, &["n1", "n78", "n79"])).await.unwrap();

    // It may become variant-defining while no variant has a value; then one variant has one.
    let finish = AttributeDraft { variant_defining: true, ..allowing(&finish, &["matt", "gloss"]) };
    shop.define(finish.clone()).await.unwrap();
    let matt =
        VariantDraft { tier2_attributes: vec![text("finish", "matt")], ..variant("A-2", "new") };
    let request = CreateVariantRequest {
        product_id: made.product.unwrap().product_id,
        variant: Some(matt),
        ..Default::default()
    };
    create_variant(&shop.app, request).await.unwrap();
    let fault =
        shop.define(AttributeDraft { variant_defining: false, ..finish }).await.unwrap_err();
    assert!(fault.is(Reason::AttributeInUse));
    shop.close().await;
}

#[tokio::test]
async fn concurrent_calls_create_one_definition() {
    let shop = Shop::open().await;
    let drafts = (0..8).map(|_| shop.define(attribute("processor", AttributeType::Text)));
    let made = join_all(drafts).await;
    let first = made[0].as_ref().unwrap();
    assert!(made.iter().all(|made| made.as_ref().unwrap() == first));
    assert_eq!((shop.rows("attributes").await, shop.rows("outbox").await), (1, 1));
    shop.close().await;
}

#[tokio::test]
async fn a_text_becomes_an_enum_if_all_values_fit_and_the_refusal_names_those_that_do_not() {
    let shop = Shop::open().await;
    let finish = attribute("finish", AttributeType::Text);
    shop.define(finish.clone()).await.unwrap();
    for (sku, own) in [("A-1", "matt"), ("A-2", "Matt "), ("A-3", "gloss"), ("A-4", "raw")] {
        let draft = ProductDraft { tier2_attributes: vec![text("finish", own)], ..product() };
        create_product(&shop.app, create(draft, &[sku])).await.unwrap();
    }
    let allowing = |values: &[&str]| AttributeDraft {
        r#type: AttributeType::Enum.into(),
        allowed_values: values.iter().map(ToString::to_string).collect(),
        ..finish.clone()
    };
    let fault = shop.define(allowing(&["matt"])).await.unwrap_err();
    assert!(fault.is(Reason::AttributeInUse), "{fault}");
    assert_eq!(fault.metadata()["values"], "3");
    let named: Vec<_> = fault.violations().iter().map(|own| own.message.clone()).collect();
    assert!(named[0].contains("\"Matt \"") && named[2].contains("\"raw\""), "{named:?}");

    let all = allowing(&["matt", "Matt", "gloss", "raw"]);
    assert!(shop.define(all).await.unwrap_err().is(Reason::AttributeDefinitionInvalid));
    let rename = RenameAttributeValueRequest {
        code: "finish".into(),
        r#type: AttributeType::Text.into(),
        from: "Matt ".into(),
        to: "matt".into(),
        ..Default::default()
    };
    let answer = rename_attribute_value(&shop.app, rename).await.unwrap();
    assert_eq!((answer.changed, answer.remaining), (1, 0));
    let all = allowing(&["matt", "gloss", "raw"]);
    let tried = DefineAttributeRequest {
        attribute: Some(all.clone()),
        validate_only: true,
        ..Default::default()
    };
    let before = shop.all_rows().await;
    let tried = define_attribute(&shop.app, tried).await.unwrap().attribute.unwrap();
    assert_eq!((tried.version, shop.all_rows().await), (2, before));
    let made = shop.define(all.clone()).await.unwrap();
    assert_eq!((made.version, made.definition), (2, Some(all)));
    shop.close().await;
}

#[tokio::test]
async fn flags_that_a_type_cannot_have_are_refused() {
    let shop = Shop::open().await;
    let draft = |kind| attribute("x", kind);
    for (wrong, path) in [
        (AttributeDraft { filterable: true, ..draft(AttributeType::Json) }, "filterable"),
        (AttributeDraft { facetable: true, ..draft(AttributeType::Money) }, "facetable"),
        (AttributeDraft { searchable: true, ..draft(AttributeType::Number) }, "searchable"),
        (AttributeDraft { sortable: true, ..draft(AttributeType::Number) }, "sortable"),
        (AttributeDraft { show_in_card: true, ..draft(AttributeType::Text) }, "show_in_card"),
        (
            AttributeDraft { variant_defining: true, ..draft(AttributeType::Localized) },
            "variant_defining",
        ),
    ] {
        let fault = shop.define(wrong).await.unwrap_err();
        assert!(fault.is(Reason::AttributeDefinitionInvalid), "{fault}");
        assert_eq!(fault.violations()[0].field, format!("attribute.{path}"));
    }
    shop.close().await;
}
