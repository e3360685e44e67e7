//! What the pages of a shop show.

use crate::shop::Shop;
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{
    AttributeDraft, AttributeType, AttributeValue, CreateProductRequest, DefineAttributeRequest,
    ProductDraft, ProductImage, ProductStatus, Tier1Attributes, VariantDraft,
};
use http::{Method, StatusCode};
use serde_json::json;
use testkit::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_a_product_with_variants_and_exact_prices() {
    let shop = Shop::open().await;
    let definition = AttributeDraft {
        code: "origin".to_owned(),
        r#type: AttributeType::Text.into(),
        name: "Origin".to_owned(),
        ..AttributeDraft::default()
    };
    let define = DefineAttributeRequest { attribute: Some(definition), ..Default::default() };
    shop.mesh.catalog().define_attribute(define).await.unwrap();
    let origin =
        AttributeValue { code: "origin".to_owned(), value: Some(Value::Text("Kyoto".to_owned())) };
    let product = ProductDraft {
        title: "Tea pot".to_owned(),
        status: ProductStatus::Active.into(),
        tier2_attributes: vec![origin],
        ..ProductDraft::default()
    };
    let variant = |sku: &str, color: &str| VariantDraft {
        sku: sku.to_owned(),
        tier1_attributes: Some(Tier1Attributes {
            color: color.to_owned(),
            weight_grams: 450,
            ..Tier1Attributes::default()
        }),
        ..VariantDraft::default()
    };
    let request = CreateProductRequest {
        product: Some(product),
        variants: vec![variant("POT-RED", "red"), variant("POT-BLUE", "blue")],
        ..CreateProductRequest::default()
    };
    let created = shop.mesh.catalog().create_product(request).await.unwrap().into_inner();
    let id = created.product.unwrap().product_id;
    shop.price("POT-RED", 100_000, None).await;
    shop.price("POT-BLUE", 199_905, Some(99_900)).await;
    let (north, south) = (shop.warehouse("NORTH").await, shop.warehouse("SOUTH").await);
    shop.stock(&north, "POT-RED", 30).await;
    shop.stock(&south, "POT-RED", 4).await;

    let view = shop.get(&format!("/api/v1/catalog/products/{id}?currencyCode=USD")).await;
    let variants = view["variants"].as_array().unwrap();
    let by_sku = |sku: &str| variants.iter().find(|own| own["sku"] == sku).unwrap();
    assert_eq!(by_sku("POT-BLUE")["price"], "1999.05");
    assert_eq!(by_sku("POT-BLUE")["salePrice"], "999.00");
    assert_eq!(by_sku("POT-RED")["salePrice"], "");
    assert_eq!(
        (&by_sku("POT-RED")["stock"], &by_sku("POT-RED")["stockStatus"]),
        (&json!("34"), &json!("IN_STOCK"))
    );
    // What was never in a warehouse cannot be bought.
    assert_eq!(
        (&by_sku("POT-BLUE")["stock"], &by_sku("POT-BLUE")["stockStatus"]),
        (&json!("0"), &json!("OUT_OF_STOCK"))
    );
    let first = &variants[0];
    for name in ["sku", "price", "salePrice", "tier1Attributes", "stock", "stockStatus"] {
        assert_eq!(view[name], first[name], "{name}");
    }
    assert_eq!(first["tier1Attributes"]["weight"], "450");
    for (name, expected) in [
        ("id", json!(id)),
        ("name", json!("Tea pot")),
        ("status", json!("ACTIVE")),
        ("isActive", json!(true)),
        ("currency", json!("USD")),
        ("tier2Attributes", json!({ "origin": "Kyoto" })),
        ("specifications", json!({})),
        ("categoryId", json!("")),
    ] {
        assert_eq!(view[name], expected, "{name}");
    }
    let found = eventually("it is found", async || {
        let found = shop.get("/api/v1/search/products?query=POT-RED").await;
        (found["total"] == "1").then_some(found)
    })
    .await;
    let shelves = found["products"][0]["warehouseStock"].as_array().unwrap();
    let of = |id: &str| shelves.iter().find(|own| own["warehouseId"] == id).unwrap();
    assert_eq!((&of(&north)["quantity"], &of(&south)["quantity"]), (&json!("30"), &json!("4")));
    // Without a currency nothing has a price.
    let view = shop.get(&format!("/api/v1/catalog/products/{id}")).await;
    assert_eq!((&view["price"], &view["currency"]), (&json!(""), &json!("")));
    shop.mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_searches_show_what_the_first_or_best_variant_costs() {
    let shop = Shop::open().await;
    for number in 1..=3 {
        let sku = format!("LAMP-{number}");
        shop.product(&format!("Lamp {number}"), &sku).await;
        shop.price(&sku, 1_000 * number, None).await;
    }
    let list = shop.get("/api/v1/catalog/products?currencyCode=USD&page=1&limit=2").await;
    let prices = |page: &serde_json::Value| {
        let products = page["products"].as_array().unwrap().iter();
        products.map(|own| own["price"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((prices(&list).len(), &list["total"]), (2, &json!(3)), "{list}");
    let path = "/api/v1/search/products?query=lamp&currencyCode=USD";
    let found = eventually("all lamps are found", async || {
        let found = shop.get(path).await;
        (found["total"] == "3").then_some(found)
    })
    .await;
    let mut all = prices(&found);
    all.sort();
    assert_eq!(all, ["10.00", "20.00", "30.00"]);
    assert!(found["products"][0]["sku"].as_str().unwrap().starts_with("LAMP-"));
    shop.mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_sorted_and_show_tags_and_images() {
    let shop = Shop::open().await;
    for (title, sku, minor) in [("Cup", "CUP", 300), ("Bowl", "BOWL", 900), ("Ash", "ASH", 500)] {
        shop.product(title, sku).await;
        shop.price(sku, minor, None).await;
    }
    let names = async |query: &str| {
        let list = shop.get(&format!("/api/v1/catalog/products?currencyCode=USD&{query}")).await;
        let products = list["products"].as_array().unwrap().clone();
        products.iter().map(|own| own["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("sort=name", ["Ash", "Bowl", "Cup"]),
        ("sort=newest", ["Ash", "Bowl", "Cup"]),
        ("sort=price", ["Cup", "Ash", "Bowl"]),
        ("sort=-price", ["Bowl", "Ash", "Cup"]),
    ] {
        eventually("the list is sorted", async || (names(query).await == expected).then_some(()))
            .await;
    }
    let refused = shop.ask(&shop.base(), Method::GET, "/api/v1/catalog/products?sort=size").await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);

    let product = ProductDraft {
        title: "Vase".to_owned(),
        tags: vec!["new".to_owned()],
        images: vec![ProductImage {
            url: "https://cdn.example/vase.jpg".to_owned(),
            alt: "A vase".to_owned(),
        }],
        ..ProductDraft::default()
    };
    let variant = VariantDraft { sku: "VASE".to_owned(), ..VariantDraft::default() };
    let request = CreateProductRequest {
        product: Some(product),
        variants: vec![variant],
        ..CreateProductRequest::default()
    };
    let made = shop.mesh.catalog().create_product(request).await.unwrap().into_inner();
    let id = made.product.unwrap().product_id;
    let view = shop.get(&format!("/api/v1/catalog/products/{id}")).await;
    assert_eq!(view["tags"], json!(["new"]));
    assert_eq!(view["images"], json!([{ "url": "https://cdn.example/vase.jpg", "alt": "A vase" }]));
    shop.mesh.finish().await;
}
