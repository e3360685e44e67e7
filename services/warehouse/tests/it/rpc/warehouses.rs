use crate::shop::{Shop, change};
use warehouse::rpc::delete_warehouse::delete_warehouse;
use warehouse::rpc::get_warehouse::get_warehouse;
use warehouse::rpc::list_warehouses::list_warehouses;
use warehouse::rpc::update_warehouse::update_warehouse;
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::{
    Address, Coordinates, DeleteWarehouseRequest, GetWarehouseRequest, ListWarehousesRequest,
    Reason, ServedArea, UpdateWarehouseRequest, WarehouseDeleted, WarehouseDraft, WarehouseStatus,
    WarehouseUpdated,
};

fn whole() -> WarehouseDraft {
    WarehouseDraft {
        code: "BEG-1".into(),
        name: "Belgrade".into(),
        address: Some(Address {
            street: "Bulevar 1".into(),
            city: "Beograd".into(),
            postcode: "11000".into(),
            country: "RS".into(),
            ..Default::default()
        }),
        areas: vec![ServedArea { country: "RS".into(), postcode_prefixes: vec!["11".into()] }],
        channels: vec!["Web Shop".into()],
        priority: 3,
        shipment_cost_minor: 450,
        coordinates: Some(Coordinates { latitude: 44.8125, longitude: 20.4612 }),
        low_stock_threshold: Some(7),
        ..Default::default()
    }
}

fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

#[tokio::test]
async fn a_warehouse_is_kept_as_it_was_sent() {
    let shop = Shop::open().await;
    let made = shop.create(whole()).await.unwrap();
    assert_eq!((made.version, made.status()), (1, WarehouseStatus::Active));
    assert_eq!(made.channels, ["web shop"], "as they are compared");
    let request = GetWarehouseRequest { warehouse_id: made.warehouse_id.clone() };
    let read = get_warehouse(&shop.app, request).await.unwrap().warehouse.unwrap();
    assert_eq!(read, made);
    assert_eq!(read.coordinates, whole().coordinates);
    let fault = shop.create(WarehouseDraft { code: "beg-1".into(), ..whole() }).await.unwrap_err();
    assert!(fault.is(Reason::WarehouseCodeTaken), "{fault}");
    assert_eq!(fault.violations()[0].field, "warehouse.code");
    shop.close().await;
}

#[tokio::test]
async fn two_callers_do_not_get_one_code() {
    let shop = Shop::open().await;
    let (first, second) = tokio::join!(shop.create(whole()), shop.create(whole()));
    let refused = [first.err(), second.err()].into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].is(Reason::WarehouseCodeTaken), "{}", refused[0]);
    shop.close().await;
}

#[tokio::test]
async fn only_named_fields_change_and_only_at_the_expected_version() {
    let shop = Shop::open().await;
    let made = shop.create(whole()).await.unwrap();
    let update = async |fields: &[&str], draft, expected_version| {
        let request = UpdateWarehouseRequest {
            warehouse_id: made.warehouse_id.clone(),
            warehouse: Some(draft),
            update_mask: mask(fields),
            expected_version,
            ..Default::default()
        };
        Ok::<_, fault::Fault>(update_warehouse(&shop.app, request).await?.warehouse.unwrap())
    };
    let draft = WarehouseDraft {
        name: "North".into(),
        status: WarehouseStatus::Inactive.into(),
        ..Default::default()
    };
    let updated = update(&["name", "status"], draft.clone(), Some(1)).await.unwrap();
    assert_eq!((updated.version, updated.status()), (2, WarehouseStatus::Inactive));
    assert_eq!((&*updated.code, updated.priority), ("BEG-1", 3));
    assert_eq!(update(&["name"], draft.clone(), None).await.unwrap().version, 2, "no change");
    let fault = update(&["name"], draft.clone(), Some(1)).await.unwrap_err();
    assert!(fault.is(fault::Common::ConcurrentModification));
    assert!(update(&["nam"], draft, None).await.unwrap_err().is(fault::Common::FieldMaskInvalid));
    let events = shop.outbox().await;
    let event: WarehouseUpdated = events[1].read();
    assert_eq!(event.changed, ["name", "status"]);
    shop.close().await;
}

#[tokio::test]
async fn an_inactive_warehouse_ships_nothing_new() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 5).await;
    let sold = shop.reserve(&[("A", 1)]).await.unwrap().reservation_id;
    shop.commit(&sold, "order").await.unwrap();
    let request = UpdateWarehouseRequest {
        warehouse_id: id,
        warehouse: Some(WarehouseDraft {
            status: WarehouseStatus::Inactive.into(),
            ..Default::default()
        }),
        update_mask: mask(&["status"]),
        ..Default::default()
    };
    update_warehouse(&shop.app, request).await.unwrap();
    let fault = shop.reserve(&[("A", 1)]).await.unwrap_err();
    assert_eq!(fault.metadata()["available"], "0");
    shop.fulfill(&sold, &[]).await.unwrap();
    shop.close().await;
}

#[tokio::test]
async fn a_warehouse_that_holds_something_is_not_deleted() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 5).await;
    let request = DeleteWarehouseRequest { warehouse_id: id.clone(), ..Default::default() };
    let fault = delete_warehouse(&shop.app, request.clone()).await.unwrap_err();
    assert!(fault.is(Reason::WarehouseInUse), "{fault}");
    assert_eq!(fault.metadata()["skus"], "1");
    shop.update(change("A", &id, Change::Count(0))).await.unwrap();
    let deleted = delete_warehouse(&shop.app, request.clone()).await.unwrap();
    assert_eq!(deleted.version, 2);
    let fault = delete_warehouse(&shop.app, request).await.unwrap_err();
    assert!(fault.is(Reason::WarehouseNotFound), "{fault}");
    assert!(shop.stock("A").await.is_empty(), "its levels are shown no more");
    let fault = shop.update(change("A", &id, Change::Receive(1))).await.unwrap_err();
    assert!(fault.is(Reason::WarehouseNotFound), "{fault}");
    let events = shop.outbox().await;
    let event: WarehouseDeleted = events.last().unwrap().read();
    assert_eq!((event.warehouse_id, event.version), (id, 2));
    shop.close().await;
}

/// Stock that comes while the warehouse is deleted is either counted or refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_stock_comes_to_a_warehouse_that_is_gone() {
    let shop = Shop::open().await;
    shop.know(&["A"]).await;
    for round in 0..10 {
        let id = shop.warehouse(&format!("W{round}")).await.warehouse_id;
        let request = DeleteWarehouseRequest { warehouse_id: id.clone(), ..Default::default() };
        let receive = shop.update(change("A", &id, Change::Receive(1)));
        let (received, deleted) = tokio::join!(receive, delete_warehouse(&shop.app, request));
        assert_ne!(received.is_ok(), deleted.is_ok());
    }
    shop.close().await;
}

#[tokio::test]
async fn lists_page_and_name_those_that_serve_a_place() {
    let shop = Shop::open().await;
    let local = shop.create(whole()).await.unwrap();
    let mut all = vec![local.warehouse_id.clone()];
    for number in 0..4 {
        all.push(shop.warehouse(&format!("W{number}")).await.warehouse_id);
    }
    let list = async |country: &str, postcode: &str| {
        let mut request = ListWarehousesRequest {
            country: country.into(),
            postcode: postcode.into(),
            page_size: 2,
            ..Default::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = list_warehouses(&shop.app, request.clone()).await.unwrap();
            assert!(page.warehouses.len() <= 2);
            seen.extend(page.warehouses.into_iter().map(|own| own.warehouse_id));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return seen;
            }
        }
    };
    assert_eq!(list("", "").await, all);
    assert_eq!(list("RS", "11 070").await, all);
    assert_eq!(list("RS", "21000").await, all[1..]);
    shop.close().await;
}
