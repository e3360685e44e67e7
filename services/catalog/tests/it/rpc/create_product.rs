use crate::shop::{
    Shop, attribute, create, field, json, keyed, product, text, uuid, value, variant,
};
use catalog::rpc::create_product::create_product;
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{
    AttributeType, CreateProductRequest, LocalizedEntry, LocalizedText, ProductCreated,
    ProductDraft, ProductImage, ProductStatus, Reason, TextList, VariantCreated, VariantDraft,
};
use contracts::types::v1::Money;
use fault::Common;
use futures::future::join_all;

#[tokio::test]
async fn product_and_variants_are_created_with_all_tiers_and_published() {
    let shop = Shop::open().await;
    let (brand, category) = (shop.brand("Acme").await, shop.category("phones", "").await);
    let kinds = [
        ("processor", AttributeType::Text),
        ("cores", AttributeType::Number),
        ("dual_sim", AttributeType::Bool),
        ("released", AttributeType::Date),
        ("bands", AttributeType::MultiEnum),
        ("msrp", AttributeType::Money),
        ("claim", AttributeType::Localized),
        ("raw", AttributeType::Json),
    ];
    for (code, kind) in kinds {
        shop.define(attribute(code, kind)).await.unwrap();
    }
    let localized = LocalizedEntry { language: "de".into(), text: "schnell".into() };
    let mut values = vec![
        text("processor", "A19"),
        value("cores", Value::Number(0.1 + 0.2)),
        value("dual_sim", Value::Boolean(false)),
        value("released", Value::Date("2026-02-28".into())),
        value("bands", Value::Texts(TextList { values: vec!["n78".into(), "n1".into()] })),
        value(
            "msrp",
            Value::Money(Money { currency_code: "JPY".into(), minor_units: Some(i64::MAX) }),
        ),
        value("claim", Value::Localized(LocalizedText { entries: vec![localized] })),
        value("raw", Value::Json(json("x", 1e300))),
    ];
    let draft = ProductDraft {
        brand_id: brand.brand_id.clone(),
        category_ids: vec![category.category_id.clone()],
        tier2_attributes: values.clone(),
        specifications: Some(json("mass", 0.1)),
        marketing_content: Some(json("stars", 5.0)),
        tags: vec!["Nový".into(), "sale".into()],
        images: vec![image("https://cdn.example/a.jpg"), image("http://cdn.example/b?x=1")],
        ..keyed("phone")
    };
    let mut first = variant("A-1", "red");
    first.tier2_attributes = values.clone();
    let request = CreateProductRequest {
        product: Some(draft),
        variants: vec![first, variant("A-2", "blue")],
        ..Default::default()
    };
    let made = create_product(&shop.app, request).await.unwrap();
    let own = made.product.unwrap();
    values.sort_by(|left, right| left.code.cmp(&right.code));
    assert_eq!(own.tier2_attributes, values);
    assert_eq!(own.tags, ["Nový", "sale"]);
    assert_eq!(own.images[1], image("http://cdn.example/b?x=1"));
    assert_eq!(own.status(), ProductStatus::Active);
    assert_eq!((own.version, own.key.as_str()), (1, "phone"));
    assert_eq!(made.variants[0].tier2_attributes, values);
    assert_eq!(made.variants[1].product_id, own.product_id);

    let events = shop.outbox().await;
    let events = &events[events.len() - 3..];
    assert_eq!(events[0].read::<ProductCreated>().product.unwrap(), own);
    for (event, variant) in events[1..].iter().zip(&made.variants) {
        assert_eq!(event.read::<VariantCreated>().variant.as_ref(), Some(variant));
    }
    let read = catalog::rpc::get_product::get_product(
        &shop.app,
        catalog_api::v1::GetProductRequest {
            product_id: own.product_id.clone(),
            ..Default::default()
        },
    );
    assert_eq!(read.await.unwrap().product.unwrap(), own);
    shop.close().await;
}

fn image(url: &str) -> ProductImage {
    ProductImage { url: url.to_owned(), alt: "From the side".to_owned() }
}

#[tokio::test]
async fn what_cannot_be_created_leaves_nothing() {
    let shop = Shop::open().await;
    shop.define(attribute("processor", AttributeType::Text)).await.unwrap();
    shop.product(&["A-1"]).await;
    create_product(&shop.app, create(keyed("phone"), &["A-2"])).await.unwrap();
    let before = shop.all_rows().await;
    let of = |product: ProductDraft| create(product, &["B-1"]);
    let with = |values| of(ProductDraft { tier2_attributes: values, ..product() });
    let twin = CreateProductRequest {
        variants: vec![variant("B-1", "red"), variant("B-2", "red")],
        ..create(product(), &[])
    };
    let valued =
        |sku: &str, value| VariantDraft { tier2_attributes: vec![value], ..variant(sku, "x") };
    let bad_variant =
        CreateProductRequest { variants: vec![valued("B-1", text("nope", "x"))], ..of(product()) };
    let cases = [
        (create(product(), &["B-1", "A-1"]), "SKU_TAKEN", "variants[1].sku"),
        (create(product(), &["B-1", "B-1"]), "SKU_TAKEN", "variants[1].sku"),
        (create(product(), &["größe"]), "INVALID_FIELD", "variants[0].sku"),
        (of(keyed("phone")), "PRODUCT_KEY_TAKEN", "product.key"),
        (twin, "OPTIONS_TAKEN", "variants[1].tier1_attributes"),
        (of(ProductDraft { brand_id: uuid(), ..product() }), "UNKNOWN_BRAND", "product.brand_id"),
        (
            of(ProductDraft { category_ids: vec![uuid()], ..product() }),
            "UNKNOWN_CATEGORY",
            "product.category_ids",
        ),
        (with(vec![text("nope", "x")]), "UNKNOWN_ATTRIBUTE", "product.tier2_attributes[0].code"),
        (
            with(vec![value("processor", Value::Number(1.0))]),
            "UNKNOWN_ATTRIBUTE",
            "product.tier2_attributes[0].code",
        ),
        (with(vec![text("a\0", "x")]), "UNKNOWN_ATTRIBUTE", "product.tier2_attributes[0].code"),
        (bad_variant, "UNKNOWN_ATTRIBUTE", "variants[0].tier2_attributes[0].code"),
        (
            with(vec![text("processor", "a"), text("processor", "b")]),
            "ATTRIBUTE_VALUE_INVALID",
            "product.tier2_attributes[1]",
        ),
        (of(ProductDraft::default()), "INVALID_FIELD", "product.title"),
        (
            of(ProductDraft { tags: vec!["new".into(), "NEW".into()], ..product() }),
            "INVALID_FIELD",
            "product.tags[1]",
        ),
        (of(ProductDraft { title: "a\0".into(), ..product() }), "INVALID_FIELD", "product.title"),
        (with(vec![text("processor", "a\0")]), "INVALID_FIELD", "product.tier2_attributes[0].text"),
        (
            with(vec![value("d", Value::Date("2026-02-29".into()))]),
            "ATTRIBUTE_VALUE_INVALID",
            "product.tier2_attributes[0].date",
        ),
        (
            with(vec![value(
                "m",
                Value::Money(Money { currency_code: "XXX".into(), minor_units: Some(1) }),
            )]),
            "UNKNOWN_CURRENCY",
            "product.tier2_attributes[0].money.currency_code",
        ),
        (CreateProductRequest { product: None, ..of(product()) }, "INVALID_FIELD", "product"),
    ];
    for (request, reason, path) in cases {
        let fault = create_product(&shop.app, request).await.unwrap_err();
        assert_eq!((fault.reason(), field(&fault)), (reason, path), "{fault}");
    }
    let big = ProductDraft { specifications: Some(json(&"x".repeat(300_000), 1.0)), ..product() };
    let fault = create_product(&shop.app, of(big)).await.unwrap_err();
    assert!(fault.is(Common::EventTooLarge));
    assert_eq!(shop.all_rows().await, before);
    shop.close().await;
}

#[tokio::test]
async fn of_concurrent_creations_with_one_sku_or_key_one_succeeds() {
    let shop = Shop::open().await;
    let tries = (0..12).map(|_| create_product(&shop.app, create(product(), &["A-1", "A-2"])));
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for fault in answers.into_iter().filter_map(Result::err) {
        assert!(fault.is(Reason::SkuTaken), "{fault}");
        assert_eq!(fault.metadata()["sku"], "A-1");
    }
    let tries = (0..12).map(|at| {
        let sku = format!("K-{at}");
        let app = &shop.app;
        async move { create_product(app, create(keyed("k"), &[&sku])).await }
    });
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for fault in answers.into_iter().filter_map(Result::err) {
        assert!(fault.is(Reason::ProductKeyTaken), "{fault}");
    }
    assert_eq!(shop.rows("products").await, 2);
    shop.close().await;
}

#[tokio::test]
async fn a_repeated_request_has_one_effect_and_one_answer() {
    let shop = Shop::open().await;
    let request = CreateProductRequest { request_id: uuid(), ..create(product(), &["A-1"]) };
    let answers = join_all((0..8).map(|_| create_product(&shop.app, request.clone()))).await;
    let first = answers[0].as_ref().unwrap();
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == first));
    assert_eq!((shop.rows("products").await, shop.rows("outbox").await), (1, 2));
    let other = CreateProductRequest { product: Some(keyed("other")), ..request };
    assert!(create_product(&shop.app, other).await.unwrap_err().is(Common::RequestIdReused));
    shop.close().await;
}

#[tokio::test]
async fn what_looks_the_same_is_the_same() {
    let shop = Shop::open().await;
    shop.define(attribute("claim", AttributeType::Localized)).await.unwrap();
    create_product(&shop.app, create(keyed("Phone 1"), &["A-1"])).await.unwrap();
    let claims = |languages: &[&str]| {
        let entries = languages.iter().map(|language| LocalizedEntry {
            language: (*language).into(),
            text: "schnell".into(),
        });
        let localized = LocalizedText { entries: entries.collect() };
        ProductDraft {
            tier2_attributes: vec![value("claim", Value::Localized(localized))],
            ..product()
        }
    };
    let colors = |colors: [&str; 2]| CreateProductRequest {
        product: Some(product()),
        variants: vec![variant("B-1", colors[0]), variant("B-2", colors[1])],
        ..Default::default()
    };
    for (request, reason) in [
        (create(keyed(" phone  1"), &["B-1"]), "PRODUCT_KEY_TAKEN"),
        (create(keyed("\u{a0}"), &["B-1"]), "INVALID_FIELD"),
        (create(ProductDraft { title: "   ".into(), ..product() }, &["B-1"]), "INVALID_FIELD"),
        (create(claims(&["de", "DE"]), &["B-1"]), "ATTRIBUTE_VALUE_INVALID"),
        (colors(["red", "Red"]), "OPTIONS_TAKEN"),
        (colors(["rosé", "rose\u{301} "]), "OPTIONS_TAKEN"),
        (colors(["red", "\u{200b}"]), "INVALID_FIELD"),
    ] {
        let fault = create_product(&shop.app, request).await.unwrap_err();
        assert_eq!(fault.reason(), reason, "{fault}");
    }
    let made = create_product(&shop.app, create(claims(&["DE", "sr-latn"]), &["B-1"])).await;
    let product = made.unwrap().product.unwrap();
    let Some(Value::Localized(own)) = &product.tier2_attributes[0].value else { panic!() };
    let languages: Vec<_> = own.entries.iter().map(|entry| entry.language.as_str()).collect();
    assert_eq!(languages, ["de", "sr-Latn"]);
    shop.close().await;
}
