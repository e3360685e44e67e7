//! The version-guard example of features §6: events in any order give the same document.

use crate::shop::{ALL, in_usd, search, until, usd};
use catalog_api::v1::{
    Product, ProductCreated, ProductDeleted, ProductStatus, ProductUpdated, Variant, VariantCreated,
};
use chrono::TimeDelta;
use pricing_api::v1::item::Name;
use pricing_api::v1::{Item, Price, PriceUpdated};
use testkit::{Mesh, eventually, publish};
use uuid::Uuid;

struct Lamp {
    product_id: String,
    variant_id: String,
    price_id: String,
}

impl Lamp {
    fn new() -> Self {
        let [product_id, variant_id, price_id] =
            std::array::from_fn(|_| Uuid::now_v7().to_string());
        Self { product_id, variant_id, price_id }
    }

    fn created(&self) -> ProductCreated {
        let product = Product {
            product_id: self.product_id.clone(),
            title: "Lamp".into(),
            status: ProductStatus::Active.into(),
            version: 1,
            ..Default::default()
        };
        ProductCreated { product: Some(product) }
    }

    fn variant(&self) -> VariantCreated {
        let variant = Variant {
            variant_id: self.variant_id.clone(),
            product_id: self.product_id.clone(),
            sku: "LAMP".into(),
            version: 1,
            ..Default::default()
        };
        VariantCreated { variant: Some(variant) }
    }

    fn priced(&self, version: i64, minor_units: i64) -> PriceUpdated {
        let price = Price {
            price_id: self.price_id.clone(),
            product_id: self.product_id.clone(),
            variant_id: self.variant_id.clone(),
            item: Some(Item { name: Some(Name::Sku("LAMP".into())) }),
            base: usd(minor_units),
            version,
            ..Default::default()
        };
        PriceUpdated { price: Some(price), changed: vec![] }
    }

    fn deleted(&self, version: i64) -> ProductDeleted {
        ProductDeleted { product_id: self.product_id.clone(), version }
    }
}

async fn amount(mesh: &Mesh) -> Option<i64> {
    Some(search(mesh, in_usd("lamp")).await.products.first()?.amount.as_ref()?.minor_units())
}

#[tokio::test(flavor = "multi_thread")]
async fn early_late_and_repeated_events_give_the_same_document() {
    let mesh = Mesh::boot(&ALL).await;
    let lamp = Lamp::new();
    // Before the product: the price waits.
    publish(&mesh, &lamp.priced(7, 9_000)).await;
    publish(&mesh, &lamp.variant()).await;
    eventually("both are kept", async || {
        (mesh.count("search", "select count(*) from early").await == 2).then_some(())
    })
    .await;
    assert_eq!(
        search(&mesh, in_usd("lamp")).await.total,
        0,
        "never a document without its product"
    );

    publish(&mesh, &lamp.created()).await;
    eventually("what waited is applied", async || {
        (amount(&mesh).await == Some(9_000)).then_some(())
    })
    .await;
    assert_eq!(mesh.count("search", "select count(*) from early").await, 0);

    // Late and older: 95.00 at version 6 must not replace 90.00 at version 7.
    publish(&mesh, &lamp.priced(6, 9_500)).await;
    mesh.settle().await;
    assert_eq!(
        mesh.count("search", "select version as count from entries where section = 'price'").await,
        7
    );

    // Deleted: nothing late brings it back.
    publish(&mesh, &lamp.deleted(5)).await;
    until(&mesh, "it is gone", in_usd("lamp"), |answer| answer.total == 0).await;
    publish(&mesh, &lamp.priced(8, 8_000)).await;
    publish(&mesh, &lamp.created()).await;
    mesh.settle().await;
    let followed = "select count(*) from documents where shown";
    assert_eq!(mesh.count("search", followed).await, 0);
    assert_eq!(search(&mesh, in_usd("lamp")).await.total, 0);
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_begins_needs_no_event() {
    let mesh = Mesh::boot(&ALL).await;
    let lamp = Lamp::new();
    publish(&mesh, &lamp.created()).await;
    publish(&mesh, &lamp.variant()).await;
    publish(&mesh, &lamp.priced(1, 9_000)).await;
    eventually("the price without a window holds", async || {
        (amount(&mesh).await == Some(9_000)).then_some(())
    })
    .await;
    let begins = chrono::Utc::now() + TimeDelta::seconds(3);
    let sale = Lamp { price_id: Uuid::now_v7().to_string(), ..Lamp { ..lamp } };
    let mut event = sale.priced(1, 4_500);
    if let Some(price) = &mut event.price {
        price.from = Some(prost_types::Timestamp { seconds: begins.timestamp(), nanos: 0 });
    }
    publish(&mesh, &event).await;
    eventually("the one with a window takes over", async || {
        (amount(&mesh).await == Some(4_500)).then_some(())
    })
    .await;
    assert!(begins.timestamp() <= chrono::Utc::now().timestamp());
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_of_an_unknown_status_is_not_shown() {
    let mesh = Mesh::boot(&ALL).await;
    let lamp = Lamp::new();
    // As a later release of catalog may publish it.
    let mut event = lamp.created();
    if let Some(product) = &mut event.product {
        product.status = 99;
    }
    publish(&mesh, &event).await;
    publish(&mesh, &lamp.variant()).await;
    publish(&mesh, &lamp.priced(1, 9_000)).await;
    mesh.settle().await;
    assert_eq!(search(&mesh, in_usd("lamp")).await.total, 0);
    let updated = Product { version: 2, ..lamp.created().product.unwrap() };
    publish(&mesh, &ProductUpdated { product: Some(updated), changed: vec![] }).await;
    eventually("a known one shows it", async || (amount(&mesh).await == Some(9_000)).then_some(()))
        .await;
    mesh.finish().await;
}
