use crate::shop::{Shop, change, quantities};
use prost::Message;
use tokio_util::sync::CancellationToken;
use warehouse::jobs::reconcile_stock::reconcile_stock as run_reconcile;
use warehouse::jobs::{keep_thresholds, sweep_expired};
use warehouse::rpc::reconcile_stock::reconcile_stock;
use warehouse::rpc::set_sku_rules::set_sku_rules;
use warehouse::rpc::update_warehouse::update_warehouse;
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::{
    ReconcileStockReport, ReconcileStockRequest, ReservationExpired, ReservationState,
    SetSkuRulesRequest, SkuRulesDraft, StockStatus, UpdateWarehouseRequest, WarehouseDraft,
};

#[tokio::test]
async fn the_sweeper_frees_what_nobody_asked_for_and_says_so() {
    let shop = Shop::open().await;
    let warehouse = shop.stocked("A", 5).await;
    shop.know(&["B"]).await;
    shop.receive("B", &warehouse, 5).await;
    let own = shop.reserve(&[("A", 2), ("B", 1)]).await.unwrap();
    let pause = sweep_expired::round(&shop.app).await.unwrap();
    assert!(pause.as_secs() <= 5);
    assert_eq!(shop.count("select reserved as count from levels where sku = 'A'").await, 2);
    shop.pass(15, 1);
    // Somebody else frees A before the sweeper comes.
    shop.reserve(&[("A", 5)]).await.unwrap();
    sweep_expired::round(&shop.app).await.unwrap();
    assert_eq!(quantities(&shop.level("A").await), (5, 0, 5, 0));
    assert_eq!(quantities(&shop.level("B").await), (5, 0, 0, 5));
    let events = shop.outbox().await;
    let expired = events.iter().find(|event| event.subject == "warehouse.reservation.expired");
    let event: ReservationExpired = expired.unwrap().read();
    let reservation = event.reservation.unwrap();
    assert_eq!(reservation.reservation_id, own.reservation_id);
    assert_eq!((reservation.state(), reservation.version), (ReservationState::Expired, 2));
    let before = events.len();
    sweep_expired::round(&shop.app).await.unwrap();
    assert_eq!(shop.outbox().await.len(), before, "once");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sweepers_free_each_hold_once() {
    let shop = Shop::open().await;
    shop.stocked("A", 500).await;
    for _ in 0..150 {
        shop.reserve(&[("A", 1)]).await.unwrap();
    }
    shop.pass(16, 0);
    let sweepers: Vec<_> = (0..4)
        .map(|_| {
            let app = shop.app.clone();
            tokio::spawn(async move { sweep_expired::round(&app).await.map(drop) })
        })
        .collect();
    for sweeper in sweepers {
        sweeper.await.unwrap().unwrap();
    }
    let expired = "select count(*) from reservations where state = 'expired'";
    assert_eq!(shop.count(expired).await, 150);
    assert_eq!(quantities(&shop.level("A").await), (500, 0, 0, 500));
    shop.close().await;
}

#[tokio::test]
async fn levels_follow_the_thresholds_of_sku_and_warehouse() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 12).await;
    let warehouse = async |threshold| {
        let request = UpdateWarehouseRequest {
            warehouse_id: id.clone(),
            warehouse: Some(WarehouseDraft {
                low_stock_threshold: threshold,
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["low_stock_threshold".into()] }),
            ..Default::default()
        };
        update_warehouse(&shop.app, request).await.unwrap();
        keep_thresholds::round(&shop.app).await.unwrap();
        let level = shop.level("A").await;
        (level.low_stock_threshold, level.status())
    };
    assert_eq!(warehouse(Some(20)).await, (20, StockStatus::LowStock));
    let rules =
        SkuRulesDraft { sku: "A".into(), low_stock_threshold: Some(3), ..Default::default() };
    let request = SetSkuRulesRequest { rules: Some(rules), ..Default::default() };
    set_sku_rules(&shop.app, request).await.unwrap();
    assert_eq!(warehouse(None).await, (3, StockStatus::InStock), "the SKU says it");
    shop.close().await;
}

#[tokio::test]
async fn a_level_that_differs_from_its_ledger_is_repaired() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 20).await;
    shop.know(&["B"]).await;
    shop.update(change("B", &id, Change::Receive(7))).await.unwrap();
    shop.reserve(&[("A", 2)]).await.unwrap();
    let sql = "update levels set on_hand = 25, reserved = 1 where sku = 'A'";
    shop.app
        .db
        .write("test", async |tx| {
            use diesel_async::RunQueryDsl;
            diesel::sql_query(sql).execute(tx.conn()).await?;
            Ok(())
        })
        .await
        .unwrap();
    let ending = CancellationToken::new();
    let job = tokio::spawn(run_reconcile(shop.app.clone(), ending.clone()));
    let run = async |validate_only| {
        let request = ReconcileStockRequest { validate_only, ..Default::default() };
        let name = reconcile_stock(&shop.app, request).await.unwrap().operation.unwrap().name;
        let id = name.rsplit('/').next().unwrap().parse().unwrap();
        let kind = warehouse::jobs::reconcile_stock::KIND;
        let done = testkit::eventually("the comparison has ended", async || {
            let operation = shop.app.db.operation(kind, id).await.unwrap();
            operation.message("warehouse").result
        })
        .await;
        ReconcileStockReport::decode(done.value.as_slice()).unwrap()
    };
    let found = run(true).await;
    assert_eq!((found.compared, found.different, found.repaired), (2, 1, false));
    assert_eq!((found.drifts[0].on_hand, found.drifts[0].reserved), (5, -1));
    assert_eq!(found.drifts[0].unheld, 0);
    assert_eq!(run(false).await.different, 1);
    assert_eq!(run(true).await.different, 0);
    assert_eq!(quantities(&shop.level("A").await), (20, 0, 2, 18));
    let moved = shop.movements("A").await;
    assert_eq!(moved.last().unwrap(), &("REPAIR".to_owned(), 0));
    ending.cancel();
    job.await.unwrap();
    shop.close().await;
}
