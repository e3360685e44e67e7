use crate::shop::{Shop, lines};
use warehouse::rpc::batch_get_availability::batch_get_availability;
use warehouse::rpc::get_available_to_promise::get_available_to_promise;
use warehouse::rpc::plan_allocation::plan_allocation;
use warehouse::rpc::reserve::reserve;
use warehouse::rpc::set_incoming::set_incoming;
use warehouse_api::v1::{
    AllocationContext, AllocationRule, BatchGetAvailabilityRequest, GetAvailableToPromiseRequest,
    Incoming, PlanAllocationRequest, Reason, ReserveRequest, SetIncomingRequest, StockStatus,
};

#[tokio::test]
async fn what_is_planned_is_what_is_reserved() {
    let shop = Shop::open().await;
    shop.know(&["A", "B"]).await;
    let mut ids = Vec::new();
    for (code, a, b) in [("W1", 5, 0), ("W2", 1, 5), ("W3", 2, 1)] {
        let id = shop.warehouse(code).await.warehouse_id;
        shop.receive("A", &id, a).await;
        if b > 0 {
            shop.receive("B", &id, b).await;
        }
        ids.push(id);
    }
    let context =
        AllocationContext { rules: vec![AllocationRule::MinSplits.into()], ..Default::default() };
    let plan = async |max_shipments| {
        let context = AllocationContext { max_shipments, ..context.clone() };
        let lines = lines(&[("A", 2), ("B", 1)]);
        let request = PlanAllocationRequest { lines, context: Some(context) };
        let shipments = plan_allocation(&shop.app, request).await?.shipments;
        let units = |own: &warehouse_api::v1::Shipment| -> i64 {
            own.lines.iter().map(|line| line.quantity).sum()
        };
        Ok::<_, fault::Fault>(
            shipments.iter().map(|own| (own.warehouse_id.clone(), units(own))).collect::<Vec<_>>(),
        )
    };
    assert_eq!(plan(0).await.unwrap(), [(ids[2].clone(), 3)]);
    let request = ReserveRequest {
        owner_id: "cart".into(),
        lines: lines(&[("A", 2), ("B", 1)]),
        context: Some(context.clone()),
        ..Default::default()
    };
    let own = reserve(&shop.app, request).await.unwrap().reservation.unwrap();
    assert!(own.lines.iter().all(|line| line.warehouse_id == ids[2]));
    assert_eq!(plan(0).await.unwrap(), [(ids[0].clone(), 2), (ids[1].clone(), 1)]);
    assert!(plan(1).await.unwrap_err().is(Reason::CannotAllocateUnsplit));
    shop.close().await;
}

#[tokio::test]
async fn availability_is_that_of_the_warehouses_that_serve() {
    let shop = Shop::open().await;
    let first = shop.stocked("A", 5).await;
    let second = shop.warehouse("W2").await.warehouse_id;
    shop.receive("A", &second, 30).await;
    let get = async |warehouse_ids: Vec<String>| {
        let request = BatchGetAvailabilityRequest {
            skus: vec!["A".into(), "none".into()],
            warehouse_ids,
            ..Default::default()
        };
        batch_get_availability(&shop.app, request).await.unwrap().availability
    };
    let all = get(vec![]).await;
    assert_eq!((all[0].available, all[0].warehouses.len()), (35, 2));
    assert_eq!(all[0].status(), StockStatus::InStock);
    assert_eq!((all[1].available, all[1].status()), (0, StockStatus::OutOfStock));
    let one = get(vec![first]).await;
    assert_eq!((one[0].available, one[0].status()), (5, StockStatus::LowStock));
    shop.close().await;
}

#[tokio::test]
async fn a_promise_is_the_day_on_which_there_are_enough() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 2).await;
    let at =
        |days: i64| prost_types::Timestamp { seconds: 4_000_000_000 + days * 86_400, nanos: 0 };
    for (reference, quantity, days) in [("po-1", 3, 1), ("po-2", 4, 2)] {
        let incoming = Incoming {
            warehouse_id: id.clone(),
            sku: "A".into(),
            reference: reference.into(),
            quantity,
            expected_time: Some(at(days)),
        };
        let request = SetIncomingRequest { incoming: Some(incoming), ..Default::default() };
        set_incoming(&shop.app, request).await.unwrap();
    }
    let promise = async |quantity| {
        let request =
            GetAvailableToPromiseRequest { sku: "A".into(), quantity, ..Default::default() };
        get_available_to_promise(&shop.app, request).await.unwrap()
    };
    assert!(promise(2).await.ship_time.unwrap().seconds < 4_000_000_000);
    assert_eq!(promise(5).await.ship_time, Some(at(1)));
    assert_eq!(promise(6).await.ship_time, Some(at(2)));
    let never = promise(10).await;
    assert_eq!((never.ship_time, never.available), (None, 2));
    let steps: Vec<i64> = never.steps.iter().map(|step| step.quantity).collect();
    assert_eq!(steps, [5, 9]);
    shop.close().await;
}
