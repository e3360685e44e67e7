//! Orders and fulfillments have no service yet: the test publishes their events, which creates their streams.

use crate::shop::{change, lines};
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use fulfillment_api::v1::{
    Fulfillment, FulfillmentItem, FulfillmentStatus, FulfillmentStatusChanged,
};
use order_api::v1::{Order, OrderStatus, OrderStatusChanged};
use testkit::{Mesh, Options, publish};
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::warehouse_service_client::WarehouseServiceClient;
use warehouse_api::v1::{
    CommitReservationRequest, CreateWarehouseRequest, GetReservationRequest, GetStockRequest,
    ReservationState, ReserveRequest, UpdateStockRequest, WarehouseDraft,
};

type Client = WarehouseServiceClient<testkit::Caller>;

async fn stocked(mesh: &Mesh, units: i64) -> (Client, String) {
    let mut catalog = CatalogServiceClient::new(mesh.caller());
    catalog.create_product(crate::events::product(&["A"])).await.unwrap();
    let mut client = WarehouseServiceClient::new(mesh.caller());
    let draft = WarehouseDraft { code: "W1".into(), name: "W1".into(), ..Default::default() };
    let request = CreateWarehouseRequest { warehouse: Some(draft), ..Default::default() };
    let made = client.create_warehouse(request).await.unwrap().into_inner().warehouse.unwrap();
    let update = Some(change("A", &made.warehouse_id, Change::Receive(units)));
    let request = UpdateStockRequest { update, ..Default::default() };
    client.update_stock(request).await.unwrap();
    (client, made.warehouse_id)
}

async fn sold(client: &mut Client, order: &str, units: i64) -> String {
    let request = ReserveRequest {
        owner_id: "cart".into(),
        lines: lines(&[("A", units)]),
        ..Default::default()
    };
    let own = client.reserve(request).await.unwrap().into_inner().reservation.unwrap();
    let request = CommitReservationRequest {
        reservation_id: own.reservation_id.clone(),
        order_id: order.into(),
        ..Default::default()
    };
    client.commit_reservation(request).await.unwrap();
    own.reservation_id
}

async fn on_hand(client: &mut Client) -> (i64, i64) {
    let request = GetStockRequest { sku: "A".into() };
    let stock = client.get_stock(request).await.unwrap().into_inner().stock.remove(0);
    (stock.on_hand, stock.allocated)
}

async fn state(client: &mut Client, id: &str) -> ReservationState {
    let request = GetReservationRequest { reservation_id: id.into() };
    client.get_reservation(request).await.unwrap().into_inner().reservation.unwrap().state()
}

fn status(order: &str, status: OrderStatus, version: i64) -> OrderStatusChanged {
    let order =
        Order { order_id: order.into(), status: status.into(), version, ..Default::default() };
    OrderStatusChanged { order: Some(order), ..Default::default() }
}

fn packed(
    id: &str,
    order: &str,
    status: FulfillmentStatus,
    units: i64,
    version: i64,
) -> FulfillmentStatusChanged {
    let items = match units {
        0 => Vec::new(),
        _ => vec![FulfillmentItem { sku: "A".into(), quantity: units }],
    };
    let own = Fulfillment {
        fulfillment_id: id.into(),
        order_id: order.into(),
        status: status.into(),
        items,
        version,
        ..Default::default()
    };
    FulfillmentStatusChanged { fulfillment: Some(own), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fulfillments_ship_once_and_cancelled_orders_let_go() {
    let options = Options { publishers: &["order", "fulfillment"], ..Options::default() };
    let mesh = Mesh::boot_with(&[catalog::ROLE, warehouse::ROLE], options).await;
    let (mut client, _) = stocked(&mesh, 20).await;
    let first = sold(&mut client, "order-1", 5).await;
    let second = sold(&mut client, "order-2", 4).await;
    assert_eq!(on_hand(&mut client).await, (20, 9));

    // Each is published twice, and a completed one comes again with a later version.
    for version in 1..=2 {
        let event = packed("f-1", "order-1", FulfillmentStatus::Completed, 3, version);
        publish(&mesh, &event).await;
        publish(&mesh, &event).await;
    }
    mesh.until("warehouse", "select count(*) from fulfillments", 1).await;
    publish(&mesh, &packed("f-2", "order-1", FulfillmentStatus::Cancelled, 1, 1)).await;
    mesh.until("warehouse", "select count(*) from fulfillments", 2).await;
    assert_eq!(on_hand(&mut client).await, (17, 5));
    publish(&mesh, &packed("f-3", "order-1", FulfillmentStatus::Completed, 0, 1)).await;
    mesh.until("warehouse", "select count(*) from fulfillments", 3).await;
    assert_eq!(on_hand(&mut client).await, (16, 4));
    assert_eq!(state(&mut client, &first).await, ReservationState::Fulfilled);

    publish(&mesh, &status("order-2", OrderStatus::Confirmed, 1)).await;
    for _ in 0..2 {
        publish(&mesh, &status("order-2", OrderStatus::Cancelled, 2)).await;
    }
    let cancelled = "select count(*) from reservations where state = 'cancelled'";
    mesh.until("warehouse", cancelled, 1).await;
    assert_eq!(on_hand(&mut client).await, (16, 0));
    assert_eq!(state(&mut client, &second).await, ReservationState::Cancelled);
    let shipped = "select count(*) from movements where kind = 'ship'";
    mesh.until("warehouse", shipped, 2).await;
    mesh.finish().await;
}
