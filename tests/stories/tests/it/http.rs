//! JSON over HTTP: what a shop's front does with it.

use http::{Method, StatusCode};
use mesh::Role;
use reqwest::{Client, Response};
use serde_json::{Value as Json, json};
use testkit::{Mesh, Options, eventually};
use uuid::Uuid;

/// A mesh that serves HTTP, and who asks it.
pub struct Shop {
    pub mesh: Mesh,
    client: Client,
    /// `http://…`
    pub base: String,
}

impl Shop {
    pub async fn open() -> Self {
        Self::with(&[catalog::ROLE, pricing::ROLE, search::ROLE, analytics::ROLE]).await
    }

    /// With the gateway, which answers for all of them.
    pub async fn with_gateway() -> Self {
        let services = [catalog::ROLE, pricing::ROLE, search::ROLE, analytics::ROLE];
        Self::with(&[services.as_slice(), &[gateway::ROLE]].concat()).await
    }

    async fn with(roles: &[Role]) -> Self {
        let options = Options {
            config: |config| config.server.http_listen = Some(([127, 0, 0, 1], 0).into()),
            ..Options::default()
        };
        let mesh = Mesh::boot_with(roles, options).await;
        let base = format!("http://{}", mesh.running().http().unwrap());
        Self { mesh, client: Client::new(), base }
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Json>,
    ) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = request.bearer_auth(self.mesh.token());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        request.send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Json) -> Json {
        let answer = self.ask(Method::POST, path, &[], Some(body)).await;
        let status = answer.status();
        let json = json(answer).await;
        assert_eq!(status, StatusCode::OK, "{path}: {json}");
        json
    }
}

pub async fn json(answer: Response) -> Json {
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// Asserts status and reason of a refusal, and that it has the one shape.
async fn refused(answer: Response, status: StatusCode, reason: &str) -> Json {
    assert_eq!(answer.status(), status);
    let id = answer.headers()["x-correlation-id"].to_str().unwrap().to_owned();
    let json = json(answer).await;
    assert_eq!(json["reason"], reason, "{json}");
    assert_eq!(json["request_id"], id);
    assert!(json["message"].is_string() && json["fields"].is_array(), "{json}");
    json
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_front_sells_by_curl() {
    let shop = Shop::open().await;
    let draft = json!({ "product": { "title": "Lamp" }, "variants": [{ "sku": "LAMP-1" }] });
    let key = [("idempotency-key", "order 66")];
    let create = async || {
        let path = "/api/v1/catalog/products";
        json(shop.ask(Method::POST, path, &key, Some(draft.clone())).await).await
    };
    let (first, again) = (create().await, create().await);
    assert_eq!(first, again, "the key makes the repetition safe");
    let id = first["product"]["productId"].as_str().unwrap();

    let product = format!("/api/v1/catalog/products/{id}");
    let answer = shop.get(&product).await;
    assert_eq!(answer.headers()["etag"], "\"1\"");
    assert!(answer.headers().contains_key("ratelimit-limit") || answer.status() == StatusCode::OK);
    let same = [("if-none-match", "\"1\"")];
    let unchanged = shop.ask(Method::GET, &product, &same, None).await;
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    let change = Some(json!({ "description": "It shines." }));
    let read = [("if-match", "\"1\"")];
    let changed = shop.ask(Method::PATCH, &product, &read, change.clone()).await;
    assert_eq!(
        (changed.status(), &changed.headers()["etag"]),
        (StatusCode::OK, &"\"2\"".parse().unwrap())
    );
    assert_eq!(
        json(changed).await["product"]["title"],
        "Lamp",
        "only what the body has is changed"
    );
    let stale = shop.ask(Method::PATCH, &product, &read, Some(json!({ "title": "Other" }))).await;
    refused(stale, StatusCode::PRECONDITION_FAILED, "CONCURRENT_MODIFICATION").await;

    let amount = json!({ "currencyCode": "USD", "amount": "19.99" });
    let price = shop
        .post("/api/v1/pricing/prices", json!({ "item": { "sku": "LAMP-1" }, "base": amount }))
        .await;
    assert_eq!(price["price"]["base"]["minorUnits"], "1999");
    let price = shop.get("/api/v1/pricing/skus/LAMP-1/price?context.currencyCode=USD").await;
    let price = json(price).await;
    assert_eq!(
        price["price"]["regular"]["amount"].as_str().or(price["price"]["base"]["amount"].as_str()),
        Some("19.99"),
        "{price}"
    );
    eventually("search finds it", async || {
        let found = shop.get("/api/v1/search/products?query=lamp&page=1&limit=5").await;
        let found = json(found).await;
        (found["total"] == 1 && found["page"] == 1 && found["limit"] == 5).then_some(())
    })
    .await;

    for number in 0..7 {
        shop.post("/api/v1/catalog/brands", json!({ "name": format!("Brand {number}") })).await;
    }
    let page = json(shop.get("/api/v1/catalog/brands?page=3&limit=3").await).await;
    assert_eq!(
        (&page["total"], page["brands"].as_array().unwrap().len()),
        (&json!(7), 1),
        "{page}"
    );
    shop.mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_in_one_shape() {
    let shop = Shop::open().await;
    let products = "/api/v1/catalog/products";
    let id = Uuid::now_v7();
    refused(
        shop.get(&format!("{products}/{id}")).await,
        StatusCode::NOT_FOUND,
        "PRODUCT_NOT_FOUND",
    )
    .await;
    let wrong =
        refused(shop.get(&format!("{products}/7")).await, StatusCode::BAD_REQUEST, "INVALID_FIELD")
            .await;
    assert_eq!(wrong["fields"][0]["field"], "product_id");
    refused(shop.get("/api/v1/nothing").await, StatusCode::NOT_FOUND, "METHOD_UNKNOWN").await;
    let put = shop.ask(Method::PUT, products, &[], None).await;
    assert_eq!(put.headers()["allow"], "GET, POST");
    refused(put, StatusCode::METHOD_NOT_ALLOWED, "METHOD_UNKNOWN").await;
    for query in [
        "?nothing=1",
        "?pageSize=x",
        "?page=0",
        "?limit=251",
        "?page=2&pageToken=x",
        "?page=5000&limit=250",
    ] {
        let answer = shop.get(&format!("{products}{query}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    let post = async |body: &str, kind: &str| {
        let request = shop.client.post(format!("{}{products}", shop.base));
        let request = request.bearer_auth(shop.mesh.token()).header("content-type", kind);
        request.body(body.to_owned()).send().await.unwrap()
    };
    for (body, kind) in [
        ("{", "application/json"),
        ("[]", "application/json"),
        ("{\"product\":{\"title\":\"a\",\"title\":\"b\"}}", "application/json"),
        ("{\"produkt\":{}}", "application/json"),
        ("{\"product\":{}}", "text/plain"),
    ] {
        refused(post(body, kind).await, StatusCode::BAD_REQUEST, "UNDECODABLE").await;
    }
    let large = format!("{{\"product\":{{\"title\":\"{}\"}}}}", "x".repeat(5 << 20));
    refused(
        post(&large, "application/json").await,
        StatusCode::PAYLOAD_TOO_LARGE,
        "MESSAGE_TOO_LARGE",
    )
    .await;
    let nobody = shop.client.get(format!("{}{products}", shop.base)).send().await.unwrap();
    assert_eq!(nobody.headers()["www-authenticate"], "Bearer");
    refused(nobody, StatusCode::UNAUTHORIZED, "TOKEN_MISSING").await;

    // A stream is lines both ways; the one that is none is named.
    let start =
        json!({ "start": { "importId": Uuid::now_v7(), "onError": "IMPORT_ERROR_POLICY_SKIP" } });
    let chunk = json!({ "chunk": { "sequence": "1", "rows": [{ "key": "k", "title": "T", "variants": [{ "sku": "S-1" }] }] } });
    let import = async |lines: String| {
        let request = shop.client.post(format!("{}{products}:import", shop.base));
        let answer = request.bearer_auth(shop.mesh.token()).body(lines).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let (status, lines) = import(format!("{start}\n\n{chunk}\n")).await;
    assert_eq!(status, StatusCode::OK, "{lines}");
    let lines: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[1]["chunk"]["created"]), (2, &json!(1)), "{lines:?}");
    let (_, lines) = import(format!("{start}\n{{\"chunk\":7}}\n")).await;
    assert!(lines.contains("UNDECODABLE") && lines.contains("line 2"), "{lines}");
    shop.mesh.finish().await;
}
