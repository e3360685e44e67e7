//! Changes of stock and of warehouses reach the document.

use crate::shop::{
    ALL, create, create_warehouse, in_stock, in_usd, search, set_ships, stock, titled, until,
    variant,
};
use search_api::v1::{ProductHit, StockStatus};
use testkit::Mesh;
use warehouse_api::v1::DeleteWarehouseRequest;

/// The only product, once it shows that so many units are available.
async fn available(mesh: &Mesh, units: Option<i64>) -> ProductHit {
    let what = format!("{units:?} are available");
    let shows = |hit: &ProductHit| hit.available == units;
    let answer =
        until(mesh, &what, in_usd("teapot"), |answer| answer.products.first().is_some_and(shows));
    answer.await.products.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_stock_is_shown_and_found() {
    let mesh = Mesh::boot(&ALL).await;
    create(&mesh, titled("Teapot"), vec![variant("TEA-1", "red", "")]).await;
    let hit = available(&mesh, None).await;
    assert_eq!((hit.stock_status(), hit.warehouse_stock), (StockStatus::Unspecified, vec![]));
    for wanted in [true, false] {
        assert_eq!(search(&mesh, in_stock(wanted)).await.total, 0, "it is not tracked");
    }

    let (first, second) =
        (create_warehouse(&mesh, "W1").await, create_warehouse(&mesh, "W2").await);
    stock(&mesh, "TEA-1", &first, 50).await;
    let hit = available(&mesh, Some(50)).await;
    assert_eq!(hit.stock_status(), StockStatus::InStock);
    until(&mesh, "it is in stock", in_stock(true), |answer| answer.total == 1).await;
    stock(&mesh, "TEA-1", &second, 1).await;
    let hit = available(&mesh, Some(51)).await;
    let shown: Vec<_> =
        hit.warehouse_stock.iter().map(|own| (own.warehouse_id.clone(), own.quantity)).collect();
    assert_eq!(shown, [(first.clone(), 50), (second.clone(), 1)]);

    // Low stock is an event of its own.
    stock(&mesh, "TEA-1", &first, 1).await;
    let hit = available(&mesh, Some(2)).await;
    assert_eq!(hit.stock_status(), StockStatus::LowStock);
    for id in [&first, &second] {
        stock(&mesh, "TEA-1", id, 0).await;
    }
    let hit = available(&mesh, Some(0)).await;
    assert_eq!(hit.stock_status(), StockStatus::OutOfStock);
    assert!(hit.warehouse_stock.iter().all(|own| !own.in_stock));
    until(&mesh, "it is out of stock", in_stock(false), |answer| answer.total == 1).await;
    assert_eq!(search(&mesh, in_stock(true)).await.total, 0);
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warehouse_that_stops_shipping_takes_its_stock_away() {
    let mesh = Mesh::boot(&ALL).await;
    create(&mesh, titled("Teapot"), vec![variant("TEA-1", "red", "")]).await;
    create(&mesh, titled("Kettle"), vec![variant("KETTLE", "", "")]).await;
    let id = create_warehouse(&mesh, "W1").await;
    stock(&mesh, "TEA-1", &id, 50).await;
    available(&mesh, Some(50)).await;
    until(&mesh, "one is in stock", in_stock(true), |answer| answer.total == 1).await;

    set_ships(&mesh, &id, false).await;
    until(&mesh, "it is out of stock", in_stock(false), |answer| answer.total == 1).await;
    let hit = available(&mesh, Some(0)).await;
    assert_eq!((hit.stock_status(), hit.warehouse_stock), (StockStatus::OutOfStock, vec![]));
    assert_eq!(search(&mesh, in_stock(true)).await.total, 0);

    set_ships(&mesh, &id, true).await;
    until(&mesh, "it is in stock again", in_stock(true), |answer| answer.total == 1).await;
    assert_eq!(available(&mesh, Some(50)).await.warehouse_stock.len(), 1);

    stock(&mesh, "TEA-1", &id, 0).await;
    let delete = DeleteWarehouseRequest { warehouse_id: id, ..Default::default() };
    mesh.warehouse().delete_warehouse(delete).await.unwrap();
    until(&mesh, "the warehouse is gone", in_usd("teapot"), |answer| {
        answer.products.first().is_some_and(|hit| hit.warehouse_stock.is_empty())
    })
    .await;
    until(&mesh, "it is out of stock", in_stock(false), |answer| answer.total == 1).await;
    mesh.finish().await;
}

/// Only what ships decides: a new name of a warehouse gives no document a new revision.
#[tokio::test(flavor = "multi_thread")]
async fn a_warehouse_that_goes_on_shipping_changes_no_document() {
    let mesh = Mesh::boot(&ALL).await;
    create(&mesh, titled("Teapot"), vec![variant("TEA-1", "red", "")]).await;
    let id = create_warehouse(&mesh, "W1").await;
    stock(&mesh, "TEA-1", &id, 50).await;
    available(&mesh, Some(50)).await;
    mesh.settle().await;
    let revision = "select max(revision) as count from documents";
    let before = mesh.count("search", revision).await;
    let request = warehouse_api::v1::UpdateWarehouseRequest {
        warehouse_id: id,
        warehouse: Some(warehouse_api::v1::WarehouseDraft {
            name: "Second street".into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["name".into()] }),
        ..Default::default()
    };
    mesh.warehouse().update_warehouse(request).await.unwrap();
    let version = "select version as count from entries where section = 'warehouse'";
    mesh.until("search", version, 2).await;
    assert_eq!(mesh.count("search", revision).await, before);
    mesh.finish().await;
}

/// A document that is committed while its warehouse turns is among those that turn with it.
#[tokio::test(flavor = "multi_thread")]
async fn no_stock_falls_between_a_turn_and_its_documents() {
    let mesh = Mesh::boot(&ALL).await;
    let id = create_warehouse(&mesh, "W1").await;
    for round in 0..20_i64 {
        let sku = format!("CUP-{round}");
        create(&mesh, titled("Cup"), vec![variant(&sku, "", "")]).await;
        tokio::join!(stock(&mesh, &sku, &id, 50), set_ships(&mesh, &id, round % 2 == 1));
        let (ships, cups) = (round % 2 == 1, round + 1);
        until(&mesh, "all turn", in_stock(ships), |answer| answer.total == cups).await;
        assert_eq!(search(&mesh, in_stock(!ships)).await.total, 0);
    }
    mesh.finish().await;
}
