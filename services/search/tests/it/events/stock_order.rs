//! Events of stock and of warehouses in any order, late and repeated.

use crate::shop::{ALL, in_stock, in_usd, search, until};
use catalog_api::v1::{Product, ProductCreated, ProductStatus, Variant, VariantCreated};
use testkit::{Mesh, publish};
use uuid::Uuid;
use warehouse_api::v1::{
    LowStock, Stock, StockChanged, StockStatus, Warehouse, WarehouseCreated, WarehouseDeleted,
    WarehouseStatus, WarehouseUpdated,
};

/// A lamp in a warehouse.
struct Lamp {
    product_id: String,
    variant_id: String,
    stock_id: String,
    warehouse_id: String,
}

impl Lamp {
    fn new() -> Self {
        let [product_id, variant_id, stock_id, warehouse_id] =
            std::array::from_fn(|_| Uuid::now_v7().to_string());
        Self { product_id, variant_id, stock_id, warehouse_id }
    }

    async fn create(&self, mesh: &Mesh) {
        let product = Product {
            product_id: self.product_id.clone(),
            title: "Lamp".into(),
            status: ProductStatus::Active.into(),
            version: 1,
            ..Default::default()
        };
        publish(mesh, &ProductCreated { product: Some(product) }).await;
        let variant = Variant {
            variant_id: self.variant_id.clone(),
            product_id: self.product_id.clone(),
            sku: "LAMP".into(),
            version: 1,
            ..Default::default()
        };
        publish(mesh, &VariantCreated { variant: Some(variant) }).await;
    }

    fn level(&self, version: i64, available: i64) -> Option<Stock> {
        let status = match available {
            0 => StockStatus::OutOfStock,
            1..10 => StockStatus::LowStock,
            _ => StockStatus::InStock,
        };
        Some(Stock {
            stock_id: self.stock_id.clone(),
            sku: "LAMP".into(),
            product_id: self.product_id.clone(),
            variant_id: self.variant_id.clone(),
            warehouse_id: self.warehouse_id.clone(),
            available,
            status: status.into(),
            version,
            ..Default::default()
        })
    }

    fn stocked(&self, version: i64, available: i64) -> StockChanged {
        StockChanged { stock: self.level(version, available), movements: vec![] }
    }

    fn warehouse(&self, version: i64, status: WarehouseStatus) -> Option<Warehouse> {
        Some(Warehouse {
            warehouse_id: self.warehouse_id.clone(),
            code: "W1".into(),
            status: status.into(),
            version,
            ..Default::default()
        })
    }

    fn updated(&self, version: i64, status: WarehouseStatus) -> WarehouseUpdated {
        WarehouseUpdated { warehouse: self.warehouse(version, status), changed: vec![] }
    }

    fn removed(&self, version: i64) -> WarehouseDeleted {
        WarehouseDeleted { warehouse_id: self.warehouse_id.clone(), version }
    }
}

async fn shows(mesh: &Mesh, available: i64) {
    until(mesh, &format!("{available} are available"), in_usd("lamp"), |answer| {
        answer.products.first().is_some_and(|hit| hit.available == Some(available))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_waits_for_its_product_and_never_goes_back() {
    let mesh = Mesh::boot(&ALL).await;
    let lamp = Lamp::new();
    // Before its product: it waits. Before its warehouse: nobody ships it yet.
    publish(&mesh, &lamp.stocked(4, 20)).await;
    mesh.until("search", "select count(*) from early", 1).await;
    lamp.create(&mesh).await;
    shows(&mesh, 0).await;
    assert_eq!(mesh.count("search", "select count(*) from early").await, 0);
    until(&mesh, "nobody ships it", in_stock(false), |answer| answer.total == 1).await;
    let created = WarehouseCreated { warehouse: lamp.warehouse(1, WarehouseStatus::Active) };
    publish(&mesh, &created).await;
    shows(&mesh, 20).await;
    until(&mesh, "it is in stock", in_stock(true), |answer| answer.total == 1).await;

    // Low stock comes with the next version, so the change that it follows may be late.
    publish(&mesh, &LowStock { stock: lamp.level(6, 3) }).await;
    shows(&mesh, 3).await;
    let answer = search(&mesh, in_usd("lamp")).await;
    assert_eq!(answer.products[0].stock_status, StockStatus::LowStock as i32);
    for late in [lamp.stocked(5, 3), lamp.stocked(3, 0), lamp.stocked(4, 20)] {
        publish(&mesh, &late).await;
    }
    mesh.settle().await;
    let version = "select version as count from entries where section = 'stock'";
    assert_eq!(mesh.count("search", version).await, 6);
    shows(&mesh, 3).await;
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_late_brings_a_warehouse_back() {
    let mesh = Mesh::boot(&ALL).await;
    let lamp = Lamp::new();
    lamp.create(&mesh).await;
    publish(&mesh, &lamp.updated(3, WarehouseStatus::Active)).await;
    publish(&mesh, &lamp.stocked(1, 20)).await;
    shows(&mesh, 20).await;
    mesh.settle().await;
    let revision = "select max(revision) as count from documents";
    let before = mesh.count("search", revision).await;
    publish(&mesh, &lamp.updated(2, WarehouseStatus::Inactive)).await;
    mesh.settle().await;
    assert_eq!(mesh.count("search", revision).await, before);
    shows(&mesh, 20).await;

    publish(&mesh, &lamp.removed(5)).await;
    shows(&mesh, 0).await;
    publish(&mesh, &lamp.updated(4, WarehouseStatus::Active)).await;
    publish(&mesh, &lamp.removed(5)).await;
    mesh.settle().await;
    until(&mesh, "nobody ships it", in_stock(false), |answer| answer.total == 1).await;
    assert_eq!(search(&mesh, in_stock(true)).await.total, 0);

    // Stock of a warehouse that is gone is nobody's.
    publish(&mesh, &lamp.stocked(2, 30)).await;
    mesh.settle().await;
    assert_eq!(search(&mesh, in_stock(true)).await.total, 0);
    shows(&mesh, 0).await;
    mesh.finish().await;
}
