//! Changes of products, variants and prices reach the document.

use crate::shop::{ALL, create, in_usd, set_price, titled, until, variant};
use catalog_api::v1::{
    CreateVariantRequest, DeleteProductRequest, DeleteVariantRequest, ProductDraft,
    Tier1Attributes, UpdateProductRequest, UpdateVariantRequest, VariantDraft,
};
use pricing_api::v1::{DeletePriceRequest, ListPricesRequest};
use prost_types::FieldMask;
use testkit::Mesh;

fn mask(path: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![path.to_owned()] })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_changed_and_deleted() {
    let mesh = Mesh::boot(&ALL).await;
    let (product, variants) =
        create(&mesh, titled("Teapot"), vec![variant("TEA-1", "red", "")]).await;
    set_price(&mesh, "TEA-1", 2_000).await;
    until(&mesh, "it is found", in_usd("teapot"), |answer| answer.total == 1).await;

    let renamed = UpdateProductRequest {
        product_id: product.product_id.clone(),
        product: Some(titled("Kettle")),
        update_mask: mask("title"),
        ..Default::default()
    };
    mesh.catalog().update_product(renamed).await.unwrap();
    until(&mesh, "by its new name, and shown with it", in_usd("kettle"), |answer| {
        answer.products.first().is_some_and(|product| product.title == "Kettle")
    })
    .await;

    let recolored = UpdateVariantRequest {
        variant_id: variants[0].variant_id.clone(),
        variant: Some(VariantDraft {
            tier1_attributes: Some(Tier1Attributes { color: "green".into(), ..Default::default() }),
            ..Default::default()
        }),
        update_mask: mask("tier1_attributes"),
        ..Default::default()
    };
    mesh.catalog().update_variant(recolored).await.unwrap();
    let second = CreateVariantRequest {
        product_id: product.product_id.clone(),
        variant: Some(variant("TEA-2", "black", "")),
        ..Default::default()
    };
    let second = mesh.catalog().create_variant(second).await.unwrap().into_inner().variant.unwrap();
    set_price(&mesh, "TEA-2", 1_500).await;
    until(&mesh, "the new variant is the cheapest", in_usd("kettle"), |answer| {
        answer
            .products
            .first()
            .is_some_and(|product| product.sku == "TEA-2" && product.amount.is_some())
    })
    .await;
    let gone = DeleteVariantRequest { variant_id: second.variant_id, ..Default::default() };
    mesh.catalog().delete_variant(gone).await.unwrap();
    until(&mesh, "the first one again", in_usd("kettle"), |answer| {
        answer.products.first().is_some_and(|product| product.sku == "TEA-1")
    })
    .await;

    let prices =
        mesh.pricing().list_prices(ListPricesRequest::default()).await.unwrap().into_inner();
    for price in prices.prices {
        let request = DeletePriceRequest { price_id: price.price_id, ..Default::default() };
        mesh.pricing().delete_price(request).await.unwrap();
    }
    until(&mesh, "without a price", in_usd("kettle"), |answer| {
        answer.products.first().is_some_and(|product| product.amount.is_none())
    })
    .await;

    let delete = DeleteProductRequest { product_id: product.product_id, ..Default::default() };
    mesh.catalog().delete_product(delete).await.unwrap();
    until(&mesh, "it is gone", in_usd("kettle"), |answer| answer.total == 0).await;
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_not_found() {
    let mesh = Mesh::boot(&ALL).await;
    let draft = ProductDraft {
        status: catalog_api::v1::ProductStatus::Draft.into(),
        ..titled("Secret vase")
    };
    let (product, _) = create(&mesh, draft, vec![variant("VASE", "", "")]).await;
    create(&mesh, titled("Open vase"), vec![variant("VASE-2", "", "")]).await;
    until(&mesh, "the other one is found", in_usd("vase"), |answer| answer.total == 1).await;
    let publish = UpdateProductRequest {
        product_id: product.product_id,
        product: Some(ProductDraft {
            status: catalog_api::v1::ProductStatus::Active.into(),
            ..Default::default()
        }),
        update_mask: mask("status"),
        ..Default::default()
    };
    mesh.catalog().update_product(publish).await.unwrap();
    until(&mesh, "both are found", in_usd("vase"), |answer| answer.total == 2).await;
    mesh.finish().await;
}
