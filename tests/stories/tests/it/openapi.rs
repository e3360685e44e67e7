//! The OpenAPI document with public tools: a validator takes it, and a client that a generator makes of it sells.

use crate::http::Shop;
use crate::npm::{TSC, Workshop};
use rest::{Routes, openapi};
use serde_json::{Value as Json, json};

#[tokio::test]
async fn a_public_validator_finds_nothing_wrong_with_the_document() {
    let workshop = Workshop::open("check").await;
    let document = openapi::document(&Routes::all());
    assert!(document["paths"].as_object().unwrap().len() > 30);
    workshop.write("openapi.json", &document.to_string());
    let wrong = workshop.run("check.js", &[], &[]).await;
    assert_eq!(wrong, "");

    // It does look.
    let mut broken = document;
    broken["paths"]["/api/v1/catalog/products/{product_id}"]["get"]["parameters"] = json!([]);
    workshop.write("openapi.json", &broken.to_string());
    let wrong = workshop.run("check.js", &[], &[]).await;
    assert!(wrong.contains("path-parameters-defined"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_generated_from_the_document_sells() {
    let workshop = Workshop::open("client").await;
    let shop = Shop::open().await;
    let document = shop.get("/api/openapi.json").await.text().await.unwrap();
    workshop.write("openapi.json", &document);
    workshop.run("generate.js", &[], &[]).await;
    workshop.run(TSC, &["--project", "."], &[]).await;
    let address = shop.base.trim_start_matches("http://");
    let variables = [("SOUK_HTTP", address), ("SOUK_TOKEN", shop.mesh.token())];
    let printed = workshop.run("built/client.js", &[], &variables).await;

    let told: Json = serde_json::from_str(&printed).unwrap();
    let id = told["productId"].as_str().unwrap();
    assert!(!id.is_empty() && told["repeated"] == id, "the key makes the repetition safe: {told}");
    assert_eq!(told["read"]["productId"], id);
    assert_eq!((&told["read"]["title"], &told["etag"]), (&json!("Lamp"), &json!("\"1\"")));
    assert_eq!((&told["listed"], &told["total"]), (&json!(["Lamp"]), &json!(2)));
    let amount = json!({ "currencyCode": "USD", "amount": "49.99", "minorUnits": "4999" });
    assert_eq!(told["amount"], amount);
    assert_eq!(told["refused"], json!({ "status": 404, "reason": "PRODUCT_NOT_FOUND" }));
    assert_eq!(told["wrong"], json!({ "reason": "INVALID_FIELD", "fields": ["product_id"] }));
    shop.mesh.finish().await;
}
