//! A small shop, and searches in it.

use catalog_api::v1::{
    CreateProductRequest, Product, ProductDraft, Tier1Attributes, Variant, VariantDraft,
};
use contracts::operations::v1::{
    DriftKind, DriftReport, GetOperationRequest, Operation, OperationState,
};
use contracts::types::v1::Money;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use mesh::Role;
use pricing_api::v1::item::Name;
use pricing_api::v1::{Item, ListPricesRequest, PriceDraft, PriceUpdated, SetPriceRequest};
use prost::Message;
use prost_types::FieldMask;
use search_api::v1::{
    Filters, PriceView, ReconcileRequest, SearchProductsRequest, SearchProductsResponse,
};
use std::collections::BTreeSet;
use testkit::{Mesh, eventually};
use tokio::sync::{Mutex, MutexGuard};
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::{
    CreateWarehouseRequest, StockUpdate, UpdateStockRequest, UpdateWarehouseRequest,
    WarehouseDraft, WarehouseStatus,
};

pub const ALL: [Role; 4] = [catalog::ROLE, pricing::ROLE, warehouse::ROLE, search::ROLE];

pub fn usd(minor_units: i64) -> Option<Money> {
    Some(Money { currency_code: "USD".to_owned(), minor_units: Some(minor_units) })
}

/// A variant of a SKU, a color and a size.
pub fn variant(sku: &str, color: &str, size: &str) -> VariantDraft {
    let tier1 = Tier1Attributes { color: color.into(), size: size.into(), ..Default::default() };
    VariantDraft { sku: sku.into(), tier1_attributes: Some(tier1), ..Default::default() }
}

pub async fn create(
    mesh: &Mesh,
    product: ProductDraft,
    variants: Vec<VariantDraft>,
) -> (Product, Vec<Variant>) {
    let request = CreateProductRequest { product: Some(product), variants, ..Default::default() };
    let created = mesh.catalog().create_product(request).await.unwrap().into_inner();
    (created.product.unwrap(), created.variants)
}

pub fn titled(title: &str) -> ProductDraft {
    ProductDraft { title: title.to_owned(), ..Default::default() }
}

pub async fn set_price(mesh: &Mesh, sku: &str, minor_units: i64) {
    set_price_in(mesh, "USD", sku, minor_units).await;
}

pub async fn set_price_in(mesh: &Mesh, currency_code: &str, sku: &str, minor_units: i64) {
    let item = Some(Item { name: Some(Name::Sku(sku.to_owned())) });
    let base =
        Some(Money { currency_code: currency_code.to_owned(), minor_units: Some(minor_units) });
    let price = PriceDraft { item, base, ..Default::default() };
    let request = SetPriceRequest { price: Some(price), ..Default::default() };
    mesh.pricing().set_price(request).await.unwrap();
}

/// Creates a warehouse that ships; returns its id.
pub async fn create_warehouse(mesh: &Mesh, code: &str) -> String {
    let draft = WarehouseDraft { code: code.into(), name: code.into(), ..Default::default() };
    let request = CreateWarehouseRequest { warehouse: Some(draft), ..Default::default() };
    let created = mesh.warehouse().create_warehouse(request).await.unwrap().into_inner();
    created.warehouse.unwrap().warehouse_id
}

/// There are so many units of a SKU in a warehouse.
pub async fn stock(mesh: &Mesh, sku: &str, warehouse_id: &str, units: i64) {
    let update = StockUpdate {
        sku: sku.into(),
        warehouse_id: warehouse_id.into(),
        change: Some(Change::Set(units)),
        ..Default::default()
    };
    let request = UpdateStockRequest { update: Some(update), ..Default::default() };
    mesh.warehouse().update_stock(request).await.unwrap();
}

/// Whether a warehouse ships.
pub async fn set_ships(mesh: &Mesh, warehouse_id: &str, ships: bool) {
    let status = if ships { WarehouseStatus::Active } else { WarehouseStatus::Inactive };
    let request = UpdateWarehouseRequest {
        warehouse_id: warehouse_id.into(),
        warehouse: Some(WarehouseDraft { status: status.into(), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["status".into()] }),
        ..Default::default()
    };
    mesh.warehouse().update_warehouse(request).await.unwrap();
}

/// What is in stock, or out of stock.
pub fn in_stock(in_stock: bool) -> SearchProductsRequest {
    let filters = Filters { in_stock: Some(in_stock), ..Default::default() };
    SearchProductsRequest { filters: Some(filters), ..in_usd("") }
}

pub fn in_usd(query: &str) -> SearchProductsRequest {
    SearchProductsRequest {
        query: query.to_owned(),
        price_view: Some(PriceView { currency_code: "USD".to_owned(), ..Default::default() }),
        ..Default::default()
    }
}

pub async fn search(mesh: &Mesh, request: SearchProductsRequest) -> SearchProductsResponse {
    mesh.search().search_products(request).await.unwrap().into_inner()
}

/// Repeats a search until its answer satisfies the condition.
pub async fn until(
    mesh: &Mesh,
    what: &str,
    request: SearchProductsRequest,
    is: impl Fn(&SearchProductsResponse) -> bool,
) -> SearchProductsResponse {
    eventually(what, async || {
        let answer = search(mesh, request.clone()).await;
        is(&answer).then_some(answer)
    })
    .await
}

/// Waits until an operation has ended.
pub async fn ended(mesh: &Mesh, operation: Operation) -> Operation {
    eventually("the operation ends", async || {
        let request = GetOperationRequest { name: operation.name.clone() };
        let operation = mesh.operations().get_operation(request).await.unwrap().into_inner();
        operation.operation.filter(|now| now.state() != OperationState::Running)
    })
    .await
}

/// Serializes the tests that reconcile: metrics belong to the whole process.
pub async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    let alone = ALONE.lock().await;
    mesh::telemetry::init(&mesh::config::Telemetry::default(), search::ROLE.metrics.to_vec());
    alone
}

/// Compares search with its owners.
pub async fn reconcile(mesh: &Mesh, repair: bool) -> DriftReport {
    let request = ReconcileRequest { repair, ..Default::default() };
    let started = mesh.search().reconcile(request).await.unwrap().into_inner();
    report(&ended(mesh, started.operation.unwrap()).await)
}

/// The result of a reconciliation.
pub fn report(done: &Operation) -> DriftReport {
    let result = done.result.as_ref().unwrap_or_else(|| panic!("{}", done.message));
    assert_eq!(result.type_url, "type.googleapis.com/souk.operations.v1.DriftReport");
    DriftReport::decode(result.value.as_slice()).unwrap()
}

/// The projections that differ, and how.
pub fn drifts(report: &DriftReport) -> BTreeSet<(&str, DriftKind)> {
    report.drifts.iter().map(|drift| (drift.projection.as_str(), drift.kind())).collect()
}

/// Products of one variant each, `BOWL-0` and so on, with a price each, all of them found.
pub struct Bowls {
    pub products: Vec<String>,
    pub variants: Vec<String>,
}

impl Bowls {
    pub async fn fill(mesh: &Mesh, count: usize) -> Self {
        let mut bowls = Self { products: Vec::new(), variants: Vec::new() };
        for number in 0..count {
            let (sku, title) = (format!("BOWL-{number}"), format!("Bowl {number}"));
            let (product, variants) =
                create(mesh, titled(&title), vec![variant(&sku, "", "")]).await;
            bowls.products.push(product.product_id);
            bowls.variants.push(variants[0].variant_id.clone());
            set_price(mesh, &sku, 500).await;
        }
        mesh.settle().await;
        until(mesh, "all bowls have prices", in_usd("bowl"), |answer| {
            usize::try_from(answer.total) == Ok(count)
                && answer.products.iter().all(|product| product.amount.is_some())
        })
        .await;
        bowls
    }

    /// Changes search's tables directly in the database.
    pub async fn alter(&self, mesh: &Mesh, statement: &str) {
        let rows = sql_query(statement).execute(&mut mesh.database("search").await).await.unwrap();
        assert!(rows > 0, "{statement}");
    }

    /// How many events catalog and pricing have published.
    pub async fn published(&self, mesh: &Mesh) -> (i64, i64) {
        let all = "select count(*) from outbox";
        (mesh.count("catalog", all).await, mesh.count("pricing", all).await)
    }

    /// Changes with every write to search's entries or documents.
    pub async fn written(&self, mesh: &Mesh) -> i64 {
        let writers = "select (select coalesce(sum(xmin::text::bigint), 0) from entries)::bigint
            + (select coalesce(sum(xmin::text::bigint + revision), 0) from documents)::bigint as count";
        mesh.count("search", writers).await
    }

    /// The ids of all prices.
    pub async fn prices(&self, mesh: &Mesh) -> Vec<String> {
        let listed = mesh.pricing().list_prices(ListPricesRequest::default()).await.unwrap();
        listed.into_inner().prices.into_iter().map(|price| price.price_id).collect()
    }

    /// The event that pricing published for this version of a price.
    pub async fn published_version(
        &self,
        mesh: &Mesh,
        price_id: &str,
        version: i64,
    ) -> PriceUpdated {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Binary)]
            payload: Vec<u8>,
        }
        let row: Row =
            sql_query("select payload from outbox where key = $1 and version = $2 limit 1")
                .bind::<Text, _>(price_id)
                .bind::<BigInt, _>(version)
                .get_result(&mut mesh.database("pricing").await)
                .await
                .unwrap();
        PriceUpdated::decode(row.payload.as_slice()).unwrap()
    }
}
