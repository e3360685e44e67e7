use crate::shop::{Shop, attribute, field, text, uuid, variant};
use catalog::rpc::create_variant::create_variant;
use catalog_api::v1::{
    AttributeDraft, AttributeType, CreateVariantRequest, Reason, VariantCreated, VariantDraft,
};
use futures::future::join_all;

fn request(product_id: &str, variant: VariantDraft) -> CreateVariantRequest {
    CreateVariantRequest {
        product_id: product_id.into(),
        variant: Some(variant),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_variant_is_added_or_refused_for_each_reason() {
    let shop = Shop::open().await;
    let id = shop.product(&["A-1"]).await.product.unwrap().product_id;
    let defining =
        AttributeDraft { variant_defining: true, ..attribute("memory", AttributeType::Text) };
    shop.define(defining).await.unwrap();
    let sized = |sku: &str, memory: &str| VariantDraft {
        tier2_attributes: vec![text("memory", memory)],
        ..variant(sku, "color 0")
    };
    let added = create_variant(&shop.app, request(&id, sized("A-2", "8"))).await.unwrap();
    let event = shop.outbox().await.last().unwrap().read::<VariantCreated>();
    assert_eq!(event.variant, added.variant);
    create_variant(&shop.app, request(&id, sized("A-3", "16"))).await.unwrap();

    let unknown = VariantDraft { tier2_attributes: vec![text("x", "y")], ..variant("A-4", "new") };
    let cases = [
        (request(&uuid(), variant("A-4", "new")), "PRODUCT_NOT_FOUND", None),
        (request(&id, variant("A-1", "new")), "SKU_TAKEN", Some("variant.sku")),
        (
            request(&id, variant("A-4", "color 0")),
            "OPTIONS_TAKEN",
            Some("variant.tier1_attributes"),
        ),
        (request(&id, sized("A-4", "16")), "OPTIONS_TAKEN", Some("variant.tier1_attributes")),
        (request(&id, unknown), "UNKNOWN_ATTRIBUTE", Some("variant.tier2_attributes[0].code")),
        (request(&id, variant(" A-4", "new")), "INVALID_FIELD", Some("variant.sku")),
        (request(&id, variant("", "new")), "INVALID_FIELD", Some("variant.sku")),
    ];
    for (request, reason, path) in cases {
        let fault = create_variant(&shop.app, request).await.unwrap_err();
        assert_eq!(fault.reason(), reason, "{fault}");
        assert_eq!(fault.violations().first().map(|_| field(&fault)), path);
    }
    shop.close().await;
}

#[tokio::test]
async fn of_concurrent_creations_with_one_sku_or_options_one_succeeds() {
    let shop = Shop::open().await;
    let id = shop.product(&["A-1"]).await.product.unwrap().product_id;
    let tries = (0..12).map(|at| variant("A-2", &format!("same sku {at}")));
    let tries = tries.map(|draft| create_variant(&shop.app, request(&id, draft)));
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for fault in answers.into_iter().filter_map(Result::err) {
        assert!(fault.is(Reason::SkuTaken), "{fault}");
    }
    let tries = (0..12).map(|at| variant(&format!("B-{at}"), "same color"));
    let tries = tries.map(|draft| create_variant(&shop.app, request(&id, draft)));
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for fault in answers.into_iter().filter_map(Result::err) {
        assert!(fault.is(Reason::OptionsTaken), "{fault}");
    }
    assert_eq!(shop.rows("variants").await, 3);
    shop.close().await;
}
