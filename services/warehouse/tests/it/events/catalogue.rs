use crate::shop::change;
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use catalog_api::v1::{
    CategoryDraft, CreateCategoryRequest, DeleteVariantRequest, ProductDraft,
    UpdateCategoryRequest, UpdateProductRequest,
};
use testkit::{Mesh, reason};
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::warehouse_service_client::WarehouseServiceClient;
use warehouse_api::v1::{
    CreateWarehouseRequest, GetStockRequest, ReserveRequest, StockStatus, UpdateStockRequest,
    WarehouseDraft,
};

fn mask(path: &str) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: vec![path.into()] })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skus_and_thresholds_follow_the_catalogue() {
    let mesh = Mesh::boot(&[catalog::ROLE, warehouse::ROLE]).await;
    let mut catalog = CatalogServiceClient::new(mesh.caller());
    let mut client = WarehouseServiceClient::new(mesh.caller());
    let category = async |key: &str, parent: &str, threshold| {
        let draft = CategoryDraft {
            key: key.into(),
            name: key.into(),
            parent_id: parent.into(),
            low_stock_threshold: threshold,
        };
        let request = CreateCategoryRequest { category: Some(draft), ..Default::default() };
        let mut catalog = CatalogServiceClient::new(mesh.caller());
        let made = catalog.create_category(request).await.unwrap().into_inner();
        made.category.unwrap().category_id
    };
    let top = category("top", "", Some(50)).await;
    let below = category("below", &top, None).await;
    let made =
        catalog.create_product(crate::events::product(&["A", "B"])).await.unwrap().into_inner();
    let product_id = made.product.unwrap().product_id;

    let draft = WarehouseDraft { code: "W1".into(), name: "W1".into(), ..Default::default() };
    let request = CreateWarehouseRequest { warehouse: Some(draft), ..Default::default() };
    let id = client
        .create_warehouse(request)
        .await
        .unwrap()
        .into_inner()
        .warehouse
        .unwrap()
        .warehouse_id;
    // The catalogue is asked for what its events have not told yet.
    for name in ["A", "B"] {
        let update = Some(change(name, &id, Change::Receive(30)));
        let request = UpdateStockRequest { update, ..Default::default() };
        client.update_stock(request).await.unwrap();
    }
    let level = async |name: &str| {
        let mut client = WarehouseServiceClient::new(mesh.caller());
        let request = GetStockRequest { sku: name.into() };
        client.get_stock(request).await.unwrap().into_inner().stock.remove(0)
    };
    assert_eq!(level("A").await.status(), StockStatus::InStock);

    let request = UpdateProductRequest {
        product_id,
        product: Some(ProductDraft { category_ids: vec![below], ..Default::default() }),
        update_mask: mask("category_ids"),
        ..Default::default()
    };
    catalog.update_product(request).await.unwrap();
    mesh.until("warehouse", "select count(*) from levels where threshold = 50", 2).await;
    assert_eq!(level("A").await.status(), StockStatus::LowStock);
    let request = UpdateCategoryRequest {
        category_id: top,
        category: Some(CategoryDraft { low_stock_threshold: Some(20), ..Default::default() }),
        update_mask: mask("low_stock_threshold"),
        ..Default::default()
    };
    catalog.update_category(request).await.unwrap();
    mesh.until("warehouse", "select count(*) from levels where threshold = 20", 2).await;

    let variant_id = made.variants[1].variant_id.clone();
    let request = DeleteVariantRequest { variant_id, ..Default::default() };
    catalog.delete_variant(request).await.unwrap();
    mesh.until("warehouse", "select count(*) from items where deleted_at is not null", 1).await;
    let wanted = |name: &str| ReserveRequest {
        owner_id: "cart".into(),
        lines: crate::shop::lines(&[(name, 1)]),
        ..Default::default()
    };
    let status = client.reserve(wanted("B")).await.unwrap_err();
    assert_eq!(reason(&status), "UNKNOWN_ITEM");
    let status = client.reserve(wanted("never")).await.unwrap_err();
    assert_eq!(reason(&status), "UNKNOWN_ITEM");
    client.reserve(wanted("A")).await.unwrap();
    mesh.finish().await;
}
