//! A shop of some products, its gateway, and further gateways.

use catalog_api::v1::{CreateProductRequest, ProductDraft, ProductStatus, VariantDraft};
use contracts::types::v1::Money;
use http::{Method, StatusCode};
use mesh::{Config, Running};
use pricing_api::v1::item::Name;
use pricing_api::v1::{Item, PriceDraft, SetPriceRequest};
use reqwest::{Client, Response};
use serde_json::Value as Json;
use testkit::{Mesh, Options};
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::{CreateWarehouseRequest, StockUpdate, UpdateStockRequest, WarehouseDraft};

pub struct Shop {
    pub mesh: Mesh,
    client: Client,
    base: String,
}

/// Another gateway of the same mesh, in a process of its own as far as anybody sees.
pub struct Second {
    running: Running,
    pub base: String,
}

impl Shop {
    pub async fn open() -> Self {
        Self::with(|config| config.server.http_listen = Some(([127, 0, 0, 1], 0).into())).await
    }

    pub async fn with(config: fn(&mut Config)) -> Self {
        Self::of(Options { config, ..Options::default() }).await
    }

    /// With a gateway that gives a request no time.
    pub async fn hasty() -> Self {
        let config = |config: &mut Config| {
            config.server.http_listen = Some(([127, 0, 0, 1], 0).into());
        };
        let environment = &[("SOUK_GATEWAY_TIMEOUT_MS", "1")];
        Self::of(Options { config, environment, ..Options::default() }).await
    }

    /// With a gateway that takes three requests at once of whoever has a key, and believes one proxy.
    pub async fn limited() -> Self {
        let config = |config: &mut Config| {
            config.server.http_listen = Some(([127, 0, 0, 1], 0).into());
            config.rate_limit.enabled = true;
            config.rate_limit.trusted_proxies = 1;
        };
        let environment =
            &[("SOUK_GATEWAY_TOKEN_BURST", "3"), ("SOUK_GATEWAY_TOKEN_PER_MINUTE", "1")];
        Self::of(Options { config, environment, ..Options::default() }).await
    }

    async fn of(options: Options) -> Self {
        let roles = [
            catalog::ROLE,
            pricing::ROLE,
            warehouse::ROLE,
            search::ROLE,
            analytics::ROLE,
            gateway::ROLE,
        ];
        let mesh = Mesh::boot_with(&roles, options).await;
        let base = format!("http://{}", mesh.running().http().unwrap());
        Self { mesh, client: Client::new(), base }
    }

    /// A second gateway.
    pub async fn second(&self) -> Second {
        let running = self.mesh.another(&[gateway::ROLE], |_| ()).await;
        let base = format!("http://{}", running.http().unwrap());
        Second { running, base }
    }

    /// Creates a product on offer with one variant, and returns its id.
    pub async fn product(&self, title: &str, sku: &str) -> String {
        let product = ProductDraft {
            title: title.to_owned(),
            status: ProductStatus::Active.into(),
            ..ProductDraft::default()
        };
        let variant = VariantDraft { sku: sku.to_owned(), ..VariantDraft::default() };
        let request = CreateProductRequest {
            product: Some(product),
            variants: vec![variant],
            ..CreateProductRequest::default()
        };
        let created = self.mesh.catalog().create_product(request).await.unwrap().into_inner();
        created.product.unwrap().product_id
    }

    pub async fn price(&self, sku: &str, base: i64, sale: Option<i64>) {
        let money = |minor| Money { currency_code: "USD".to_owned(), minor_units: Some(minor) };
        let price = PriceDraft {
            item: Some(Item { name: Some(Name::Sku(sku.to_owned())) }),
            base: Some(money(base)),
            sale: sale.map(money),
            ..PriceDraft::default()
        };
        let request = SetPriceRequest { price: Some(price), ..SetPriceRequest::default() };
        self.mesh.pricing().set_price(request).await.unwrap();
    }

    /// A warehouse that ships everywhere; returns its id.
    pub async fn warehouse(&self, code: &str) -> String {
        let warehouse =
            WarehouseDraft { code: code.to_owned(), name: code.to_owned(), ..Default::default() };
        let request = CreateWarehouseRequest { warehouse: Some(warehouse), ..Default::default() };
        let created = self.mesh.warehouse().create_warehouse(request).await.unwrap().into_inner();
        created.warehouse.unwrap().warehouse_id
    }

    /// A warehouse has so many of a SKU.
    pub async fn stock(&self, warehouse_id: &str, sku: &str, units: i64) {
        let update = StockUpdate {
            sku: sku.to_owned(),
            warehouse_id: warehouse_id.to_owned(),
            change: Some(Change::Set(units)),
            ..StockUpdate::default()
        };
        let request = UpdateStockRequest { update: Some(update), ..Default::default() };
        self.mesh.warehouse().update_stock(request).await.unwrap();
    }

    pub async fn ask(&self, base: &str, method: Method, path: &str) -> Response {
        let request = self.client.request(method, format!("{base}{path}"));
        request.bearer_auth(self.mesh.token()).send().await.unwrap()
    }

    /// What a browser at this address is answered that tells of an event, with the key that all browsers of the shop have.
    pub async fn tell(&self, address: &str) -> Response {
        let request = self.client.post(format!("{}/api/v1/analytics/browserEvents", self.base));
        let request = request.bearer_auth(self.mesh.token()).header("x-forwarded-for", address);
        let request = request.header("content-type", "application/json");
        request.body(r#"{"events": [{"sessionId": "visit"}]}"#).send().await.unwrap()
    }

    /// Without a token, with these headers.
    pub async fn plain(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.client.get(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Json {
        self.get_at(&self.base, path).await.0
    }

    /// The answer of a gateway, and whether it was kept.
    pub async fn get_at(&self, base: &str, path: &str) -> (Json, String) {
        let answer = self.ask(base, Method::GET, path).await;
        let status = answer.status();
        let kept = answer.headers().get("cache-status");
        let kept = kept.map(|text| text.to_str().unwrap().to_owned()).unwrap_or_default();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        (serde_json::from_str(&text).unwrap(), kept)
    }

    pub fn base(&self) -> String {
        self.base.clone()
    }
}

impl Second {
    pub async fn end(self) {
        self.running.stop();
        self.running.finished().await.unwrap();
    }
}
