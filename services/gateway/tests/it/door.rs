//! Who comes in.

use crate::shop::Shop;
use http::StatusCode;
use serde_json::Value as Json;

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_a_token_has_its_burst_and_a_token_more() {
    let shop = Shop::with(|config| {
        config.server.http_listen = Some(([127, 0, 0, 1], 0).into());
        config.rate_limit.enabled = true;
    })
    .await;
    let mut seen = Vec::new();
    for _ in 0..40 {
        let answer = shop.plain("/api/v1/catalog/products", &[]).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let json: Json = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        if status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(json["reason"], "RATE_LIMITED");
            assert!(headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
        } else {
            assert_eq!(
                (status, &json["reason"]),
                (StatusCode::UNAUTHORIZED, &"TOKEN_MISSING".into())
            );
        }
        seen.push(status);
    }
    let refused = seen.iter().filter(|own| **own == StatusCode::TOO_MANY_REQUESTS).count();
    // The burst is 20; some come back while the test goes on.
    assert!((1..=20).contains(&refused), "{refused}");
    assert_eq!(seen[..20].iter().filter(|own| **own == StatusCode::UNAUTHORIZED).count(), 20);
    for _ in 0..60 {
        shop.get("/api/v1/catalog/products").await;
    }
    shop.mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_that_share_a_key_are_counted_by_their_addresses() {
    let shop = Shop::limited().await;
    // Addresses that no other test has, since all share a Redis.
    let [.., a, b, c] = uuid::Uuid::now_v7().into_bytes();
    let [one, other] = [1, 2].map(|host| format!("10.{a}.{b}.{}", c & 0xfc | host));
    for _ in 0..3 {
        assert_eq!(shop.tell(&one).await.status(), StatusCode::OK);
    }
    let refused = shop.tell(&one).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let json: Json = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(json["reason"], "RATE_LIMITED");
    assert!(json["message"].as_str().unwrap().contains("of one address"), "{json}");
    // What a browser writes left of the proxy's word is not believed.
    let lied = shop.tell(&format!("{other}, {one}")).await;
    assert_eq!(lied.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(shop.tell(&other).await.status(), StatusCode::OK);
    shop.mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_given_up_after_its_time() {
    let shop = Shop::hasty().await;
    let late = shop.ask(&shop.base(), http::Method::GET, "/api/v1/catalog/products").await;
    assert_eq!(late.status(), StatusCode::GATEWAY_TIMEOUT);
    let json: Json = serde_json::from_str(&late.text().await.unwrap()).unwrap();
    assert_eq!(json["reason"], "DEADLINE_EXCEEDED");
    shop.mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_meant_for_callers_is_served() {
    let shop = Shop::open().await;
    let health = shop.plain("/health", &[]).await;
    assert_eq!(health.status(), StatusCode::OK);
    assert_eq!(health.headers()["x-content-type-options"], "nosniff");
    assert_eq!(shop.plain("/api/docs", &[]).await.headers()["x-frame-options"], "DENY");
    let document = shop.plain("/api/openapi.json", &[]).await.text().await.unwrap();
    let document: Json = serde_json::from_str(&document).unwrap();
    let get = &document["paths"]["/api/v1/catalog/products/{product_id}"]["get"];
    assert_eq!(get["operationId"], "GatewayService_GetProductView");
    for path in [
        "/",
        "/metrics",
        "/api",
        "/api/v1",
        "/api/v1/nothing",
        "/souk.catalog.v1.CatalogService/GetProduct",
    ] {
        assert_eq!(shop.plain(path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    // The ids of the caller go through to the service and back.
    let id = "caller-1";
    let answer = shop.plain("/api/v1/catalog/brands", &[("x-correlation-id", id)]).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()["x-correlation-id"], id);
    shop.mesh.finish().await;
}
