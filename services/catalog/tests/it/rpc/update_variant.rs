use crate::shop::{Shop, attribute, json, mask, text, uuid, variant};
use catalog::rpc::update_variant::update_variant;
use catalog_api::v1::{AttributeType, UpdateVariantRequest, VariantDraft, VariantUpdated};

fn request(id: &str, variant: VariantDraft, paths: &[&str]) -> UpdateVariantRequest {
    UpdateVariantRequest {
        variant_id: id.into(),
        variant: Some(variant),
        update_mask: mask(paths),
        ..Default::default()
    }
}

#[tokio::test]
async fn masked_fields_are_changed_and_published_once() {
    let shop = Shop::open().await;
    shop.define(attribute("processor", AttributeType::Text)).await.unwrap();
    let own = shop.product(&["A-1"]).await.variants.remove(0);
    let draft = VariantDraft {
        sku: "ignored".into(),
        tier2_attributes: vec![text("processor", "A19")],
        specifications: Some(json("a", 1.0)),
        marketing_content: Some(json("left out", 1.0)),
        ..variant("", "green")
    };
    let paths = ["tier1_attributes", "tier2_attributes", "specifications"];
    let request = request(&own.variant_id, draft, &paths);
    let updated = update_variant(&shop.app, request.clone()).await.unwrap().variant.unwrap();
    assert_eq!((updated.version, updated.sku.as_str()), (2, "A-1"));
    assert_eq!(updated.marketing_content, None);
    let event = shop.outbox().await.last().unwrap().read::<VariantUpdated>();
    assert_eq!(
        (event.changed, event.variant.as_ref()),
        (paths.map(str::to_owned).to_vec(), Some(&updated))
    );
    let before = shop.all_rows().await;
    let again = update_variant(&shop.app, request).await.unwrap().variant.unwrap();
    assert_eq!((again, shop.all_rows().await), (updated, before));
    shop.close().await;
}

#[tokio::test]
async fn it_is_refused_for_each_of_its_reasons() {
    let shop = Shop::open().await;
    let made = shop.product(&["A-1", "A-2"]).await;
    let id = made.variants[0].variant_id.as_str();
    let tier1 = ["tier1_attributes"];
    let stale = UpdateVariantRequest {
        expected_version: Some(7),
        ..request(id, variant("", "new"), &tier1)
    };
    let unknown = VariantDraft { tier2_attributes: vec![text("x", "y")], ..Default::default() };
    let cases = [
        (request(&uuid(), variant("", "new"), &tier1), "VARIANT_NOT_FOUND"),
        (stale, "CONCURRENT_MODIFICATION"),
        (request(id, variant("B-1", "new"), &["sku"]), "FIELD_MASK_INVALID"),
        (request(id, variant("", "color 1"), &tier1), "OPTIONS_TAKEN"),
        (request(id, unknown, &["tier2_attributes"]), "UNKNOWN_ATTRIBUTE"),
    ];
    for (request, reason) in cases {
        let fault = update_variant(&shop.app, request).await.unwrap_err();
        assert_eq!(fault.reason(), reason, "{fault}");
    }
    let before = shop.all_rows().await;
    update_variant(&shop.app, request(id, variant("", "color 0"), &tier1)).await.unwrap();
    assert_eq!(shop.all_rows().await, before);
    shop.close().await;
}
