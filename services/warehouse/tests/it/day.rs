//! A day in a mesh: every RPC answers as a client sees it, and refuses for each of its reasons.

use crate::shop::{change, lines};
use testkit::{Caller, Mesh, reason};
use tonic::{Response, Status};
use uuid::Uuid;
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::warehouse_service_client::WarehouseServiceClient;
use warehouse_api::v1::*;

type Client = WarehouseServiceClient<Caller>;

fn refused<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> String {
    reason(&answer.unwrap_err()).to_owned()
}

fn unknown() -> String {
    Uuid::now_v7().to_string()
}

fn mask(path: &str) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: vec![path.into()] })
}

async fn open() -> (Mesh, Client, String) {
    let mesh = Mesh::boot(&[catalog::ROLE, warehouse::ROLE]).await;
    mesh.catalog().create_product(crate::events::product(&["A", "B"])).await.unwrap();
    let mut client = mesh.warehouse();
    let id = create(&mut client, "W1").await.unwrap();
    (mesh, client, id)
}

async fn create(client: &mut Client, code: &str) -> Result<String, Status> {
    let draft = WarehouseDraft { code: code.into(), name: code.into(), ..Default::default() };
    let request = CreateWarehouseRequest { warehouse: Some(draft), ..Default::default() };
    Ok(client.create_warehouse(request).await?.into_inner().warehouse.unwrap().warehouse_id)
}

async fn update(
    client: &mut Client,
    update: StockUpdate,
) -> Result<Response<UpdateStockResponse>, Status> {
    client.update_stock(UpdateStockRequest { update: Some(update), ..Default::default() }).await
}

async fn reserve(client: &mut Client, wanted: &[(&str, i64)]) -> Result<String, Status> {
    let request =
        ReserveRequest { owner_id: "cart".into(), lines: lines(wanted), ..Default::default() };
    Ok(client.reserve(request).await?.into_inner().reservation.unwrap().reservation_id)
}

fn commit(id: &str, order: &str) -> CommitReservationRequest {
    crate::shop::commit(id, order)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warehouses_and_stock_over_the_wire() {
    let (mesh, mut client, id) = open().await;
    let status = create(&mut client, "w1").await.unwrap_err();
    assert_eq!(reason(&status), "WAREHOUSE_CODE_TAKEN");
    let get = |warehouse_id: &str| GetWarehouseRequest { warehouse_id: warehouse_id.into() };
    client.get_warehouse(get(&id)).await.unwrap();
    assert_eq!(refused(client.get_warehouse(get(&unknown())).await), "WAREHOUSE_NOT_FOUND");
    let list = ListWarehousesRequest { page_token: "x".into(), ..Default::default() };
    assert_eq!(refused(client.list_warehouses(list).await), "PAGE_TOKEN_INVALID");
    assert_eq!(
        client
            .list_warehouses(ListWarehousesRequest::default())
            .await
            .unwrap()
            .into_inner()
            .warehouses
            .len(),
        1
    );
    let rename = |warehouse_id: &str| UpdateWarehouseRequest {
        warehouse_id: warehouse_id.into(),
        warehouse: Some(WarehouseDraft { name: "North".into(), ..Default::default() }),
        update_mask: mask("name"),
        ..Default::default()
    };
    client.update_warehouse(rename(&id)).await.unwrap();
    assert_eq!(refused(client.update_warehouse(rename(&unknown())).await), "WAREHOUSE_NOT_FOUND");

    update(&mut client, change("A", &id, Change::Receive(40))).await.unwrap();
    let status = update(&mut client, change("never", &id, Change::Receive(1))).await;
    assert_eq!(refused(status), "UNKNOWN_ITEM");
    let status = update(&mut client, change("A", &id, Change::Adjust(-41))).await;
    assert_eq!(refused(status), "INSUFFICIENT_ON_HAND");
    let status = update(&mut client, change("A", &id, Change::Receive(1_000_000_000_000))).await;
    assert_eq!(refused(status), "QUANTITY_TOO_LARGE");
    let keyed = |units| StockUpdate {
        movement_key: "note".into(),
        ..change("A", &id, Change::Receive(units))
    };
    update(&mut client, keyed(1)).await.unwrap();
    assert_eq!(refused(update(&mut client, keyed(2)).await), "MOVEMENT_KEY_REUSED");
    let rows = |rows| BatchUpdateStockRequest { updates: rows, ..Default::default() };
    let twice = vec![change("A", &id, Change::Receive(1)), change("A", &id, Change::Receive(1))];
    assert_eq!(refused(client.batch_update_stock(rows(twice)).await), "DUPLICATE_ROW");
    let both = vec![change("A", &id, Change::Set(30)), change("B", &id, Change::Set(9))];
    assert_eq!(client.batch_update_stock(rows(both)).await.unwrap().into_inner().changed, 2);

    let stock = |sku: &str| GetStockRequest { sku: sku.into() };
    assert_eq!(client.get_stock(stock("A")).await.unwrap().into_inner().available, 30);
    assert_eq!(refused(client.get_stock(stock("never")).await), "UNKNOWN_ITEM");
    let list = ListStockRequest { page_token: "x".into(), ..Default::default() };
    assert_eq!(refused(client.list_stock(list).await), "PAGE_TOKEN_INVALID");
    let all = client.list_stock(ListStockRequest::default()).await.unwrap().into_inner().stock;
    assert_eq!(all.len(), 2);

    let other = create(&mut client, "W2").await.unwrap();
    let transfer = |sku: &str, from: &str, to: &str| TransferStockRequest {
        sku: sku.into(),
        from_warehouse_id: from.into(),
        to_warehouse_id: to.into(),
        quantity: 2,
        ..Default::default()
    };
    client.transfer_stock(transfer("A", &id, &other)).await.unwrap();
    assert_eq!(refused(client.transfer_stock(transfer("B", &other, &id)).await), "STOCK_NOT_FOUND");
    let settings = |sku: &str| UpdateStockSettingsRequest {
        sku: sku.into(),
        warehouse_id: id.clone(),
        settings: Some(StockSettings { safety_stock: 1, ..Default::default() }),
        update_mask: mask("safety_stock"),
        ..Default::default()
    };
    client.update_stock_settings(settings("B")).await.unwrap();
    assert_eq!(refused(client.update_stock_settings(settings("never")).await), "UNKNOWN_ITEM");
    let incoming = |sku: &str| SetIncomingRequest {
        incoming: Some(Incoming {
            warehouse_id: id.clone(),
            sku: sku.into(),
            reference: "po".into(),
            quantity: 5,
            expected_time: Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 }),
        }),
        ..Default::default()
    };
    client.set_incoming(incoming("A")).await.unwrap();
    assert_eq!(refused(client.set_incoming(incoming("never")).await), "UNKNOWN_ITEM");
    let list = |sku: &str| ListIncomingRequest { sku: sku.into(), ..Default::default() };
    assert_eq!(client.list_incoming(list("A")).await.unwrap().into_inner().incoming.len(), 1);
    assert_eq!(refused(client.list_incoming(list("never")).await), "UNKNOWN_ITEM");
    let promise = |sku: &str| GetAvailableToPromiseRequest {
        sku: sku.into(),
        quantity: 31,
        ..Default::default()
    };
    let promised = client.get_available_to_promise(promise("A")).await.unwrap().into_inner();
    assert_eq!(promised.ship_time.unwrap().seconds, 4_000_000_000);
    assert_eq!(refused(client.get_available_to_promise(promise("never")).await), "UNKNOWN_ITEM");
    let list = ListMovementsRequest { page_token: "x".into(), ..Default::default() };
    assert_eq!(refused(client.list_movements(list).await), "PAGE_TOKEN_INVALID");
    let ledger = client.list_movements(ListMovementsRequest::default()).await.unwrap().into_inner();
    assert_eq!(ledger.movements.len(), 6);

    let reconcile = |warehouse_id: &str| ReconcileStockRequest {
        warehouse_id: warehouse_id.into(),
        ..Default::default()
    };
    client.reconcile_stock(reconcile(&id)).await.unwrap();
    let status = client.reconcile_stock(reconcile(&unknown())).await;
    assert_eq!(refused(status), "WAREHOUSE_NOT_FOUND");
    let delete = |warehouse_id: &str| DeleteWarehouseRequest {
        warehouse_id: warehouse_id.into(),
        ..Default::default()
    };
    assert_eq!(refused(client.delete_warehouse(delete(&id)).await), "WAREHOUSE_IN_USE");
    let third = create(&mut client, "W3").await.unwrap();
    client.delete_warehouse(delete(&third)).await.unwrap();
    let deleted: WarehouseDeleted = mesh.published(&third, 2).await;
    assert_eq!(deleted.warehouse_id, third);
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reservations_over_the_wire() {
    let (mesh, mut client, id) = open().await;
    let other = create(&mut client, "W2").await.unwrap();
    for (sku, warehouse, units) in [("A", &id, 9), ("A", &other, 3), ("B", &other, 5)] {
        update(&mut client, change(sku, warehouse, Change::Receive(units))).await.unwrap();
    }
    let rules = |sku: &str| SetSkuRulesRequest {
        rules: Some(SkuRulesDraft {
            sku: sku.into(),
            minimum: 2,
            maximum: 10,
            step: 2,
            ..Default::default()
        }),
        ..Default::default()
    };
    client.set_sku_rules(rules("B")).await.unwrap();
    assert_eq!(refused(client.set_sku_rules(rules("never")).await), "UNKNOWN_ITEM");
    let get = |sku: &str| GetSkuRulesRequest { sku: sku.into() };
    client.get_sku_rules(get("B")).await.unwrap();
    assert_eq!(refused(client.get_sku_rules(get("never")).await), "UNKNOWN_ITEM");
    let availability = |country: &str| BatchGetAvailabilityRequest {
        skus: vec!["A".into()],
        country: country.into(),
        ..Default::default()
    };
    let found = client.batch_get_availability(availability("")).await.unwrap().into_inner();
    assert_eq!(found.availability[0].available, 12);
    assert_eq!(refused(client.batch_get_availability(availability("rs")).await), "INVALID_FIELD");
    let plan = |wanted: &[(&str, i64)], most| PlanAllocationRequest {
        lines: lines(wanted),
        context: Some(AllocationContext { max_shipments: most, ..Default::default() }),
    };
    client.plan_allocation(plan(&[("A", 10)], 2)).await.unwrap();
    let status = client.plan_allocation(plan(&[("A", 10)], 1)).await;
    assert_eq!(refused(status), "CANNOT_ALLOCATE_UNSPLIT");
    for (wanted, why) in [
        (("A", 13), "INSUFFICIENT_STOCK"),
        (("never", 1), "UNKNOWN_ITEM"),
        (("B", 1), "QUANTITY_BELOW_LIMIT"),
        (("B", 12), "QUANTITY_ABOVE_LIMIT"),
        (("B", 3), "QUANTITY_OFF_STEP"),
    ] {
        let status = reserve(&mut client, &[wanted]).await.unwrap_err();
        assert_eq!(reason(&status), why, "{wanted:?}");
    }
    let close = UpdateWarehouseRequest {
        warehouse_id: other.clone(),
        warehouse: Some(WarehouseDraft {
            status: WarehouseStatus::Inactive.into(),
            ..Default::default()
        }),
        update_mask: mask("status"),
        ..Default::default()
    };
    client.update_warehouse(close).await.unwrap();
    let mut there =
        ReserveRequest { owner_id: "cart".into(), lines: lines(&[("A", 1)]), ..Default::default() };
    there.lines[0].warehouse_id = other;
    assert_eq!(refused(client.reserve(there).await), "WAREHOUSE_INACTIVE");

    let own = reserve(&mut client, &[("A", 4)]).await.unwrap();
    let extend = |id: &str| ExtendReservationRequest {
        reservation_id: id.into(),
        hold_seconds: 1_800,
        ..Default::default()
    };
    client.extend_reservation(extend(&own)).await.unwrap();
    let status = client.extend_reservation(extend(&unknown())).await;
    assert_eq!(refused(status), "RESERVATION_NOT_FOUND");
    let change_to = |id: &str, units| ChangeReservationRequest {
        reservation_id: id.into(),
        lines: lines(&[("A", units)]),
        ..Default::default()
    };
    client.change_reservation(change_to(&own, 5)).await.unwrap();
    let status = client.change_reservation(change_to(&own, 10)).await;
    assert_eq!(refused(status), "INSUFFICIENT_STOCK");
    let mark =
        |id: &str| MarkPaymentInFlightRequest { reservation_id: id.into(), ..Default::default() };
    client.mark_payment_in_flight(mark(&own)).await.unwrap();
    let status = client.mark_payment_in_flight(mark(&unknown())).await;
    assert_eq!(refused(status), "RESERVATION_NOT_FOUND");
    let get = |id: &str| GetReservationRequest { reservation_id: id.into() };
    client.get_reservation(get(&own)).await.unwrap();
    let status = client.get_reservation(get(&unknown())).await;
    assert_eq!(refused(status), "RESERVATION_NOT_FOUND");
    let list = ListReservationsRequest { page_token: "x".into(), ..Default::default() };
    assert_eq!(refused(client.list_reservations(list).await), "PAGE_TOKEN_INVALID");
    let all = client.list_reservations(ListReservationsRequest::default()).await.unwrap();
    assert_eq!(all.into_inner().reservations.len(), 1);

    client.commit_reservation(commit(&own, "order")).await.unwrap();
    let status = client.commit_reservation(commit(&own, "another")).await;
    assert_eq!(refused(status), "RESERVATION_OF_ANOTHER_ORDER");
    let committed: ReservationCommitted = mesh.published(&own, 5).await;
    assert_eq!(committed.reservation.unwrap().order_id, "order");
    let release =
        |id: &str| ReleaseReservationRequest { reservation_id: id.into(), ..Default::default() };
    assert_eq!(refused(client.release_reservation(release(&own)).await), "RESERVATION_STATE");
    let fulfill = |units| FulfillReservationRequest {
        reservation_id: own.clone(),
        lines: lines(&[("A", units)]),
        ..Default::default()
    };
    assert_eq!(refused(client.fulfill_reservation(fulfill(6)).await), "QUANTITY_ABOVE_OPEN");
    client.fulfill_reservation(fulfill(2)).await.unwrap();
    let cancel =
        |id: &str| CancelReservationRequest { reservation_id: id.into(), ..Default::default() };
    client.cancel_reservation(cancel(&own)).await.unwrap();
    let status = client.cancel_reservation(cancel(&unknown())).await;
    assert_eq!(refused(status), "RESERVATION_NOT_FOUND");

    let released = reserve(&mut client, &[("A", 1)]).await.unwrap();
    client.release_reservation(release(&released)).await.unwrap();
    let _: ReservationReleased = mesh.published(&released, 2).await;
    // A hold of a second is over before its commit, and others have its units.
    let request = ReserveRequest {
        owner_id: "cart".into(),
        lines: lines(&[("A", 7)]),
        hold_seconds: 1,
        ..Default::default()
    };
    let late = client.reserve(request).await.unwrap().into_inner().reservation.unwrap();
    let _: ReservationExpired = mesh.published(&late.reservation_id, 2).await;
    reserve(&mut client, &[("A", 7)]).await.unwrap();
    let status = client.commit_reservation(commit(&late.reservation_id, "order")).await;
    assert_eq!(refused(status), "RESERVATION_LOST");
    mesh.finish().await;
}
