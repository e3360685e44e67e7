use crate::shop::{Shop, change, quantities};
use fault::Common;
use warehouse::rpc::batch_update_stock::batch_update_stock;
use warehouse::rpc::get_sku_rules::get_sku_rules;
use warehouse::rpc::list_incoming::list_incoming;
use warehouse::rpc::list_movements::list_movements;
use warehouse::rpc::list_stock::list_stock;
use warehouse::rpc::set_incoming::set_incoming;
use warehouse::rpc::set_sku_rules::set_sku_rules;
use warehouse::rpc::transfer_stock::transfer_stock;
use warehouse::rpc::update_stock::update_stock;
use warehouse::rpc::update_stock_settings::update_stock_settings;
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::{
    BatchUpdateStockRequest, ErrorPolicy, GetSkuRulesRequest, Incoming, ListIncomingRequest,
    ListMovementsRequest, ListStockRequest, LowStock, MovementKind, Reason, SetIncomingRequest,
    SetSkuRulesRequest, SkuRulesDraft, StockChanged, StockSettings, StockStatus, StockUpdate,
    TransferStockRequest, UpdateStockRequest, UpdateStockSettingsRequest,
};

#[tokio::test]
async fn each_change_is_a_movement_with_the_balances_afterwards() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 20).await;
    shop.update(change("A", &id, Change::Adjust(-3))).await.unwrap();
    shop.update(change("A", &id, Change::Count(19))).await.unwrap();
    shop.update(change("A", &id, Change::Set(25))).await.unwrap();
    let level = shop.update(change("A", &id, Change::Return(1))).await.unwrap();
    assert_eq!(quantities(&level), (26, 0, 0, 26));
    assert_eq!(level.version, 5);
    let moved = shop.movements("A").await;
    let named: Vec<(&str, i64)> = moved.iter().map(|(kind, units)| (&**kind, *units)).collect();
    assert_eq!(
        named,
        [("RECEIVE", 20), ("ADJUST", -3), ("COUNT", 2), ("ADJUST", 6), ("RETURN", 1)]
    );
    let request = ListMovementsRequest { sku: "A".into(), page_size: 1, ..Default::default() };
    let newest = list_movements(&shop.app, request).await.unwrap().movements.remove(0);
    assert_eq!((newest.kind(), newest.on_hand_after), (MovementKind::Return, 26));
    assert_eq!((newest.stock_version, &*newest.note), (5, "test"));
    let same = shop.update(change("A", &id, Change::Set(26))).await.unwrap();
    assert_eq!(same.version, 5, "nothing changed");
    shop.close().await;
}

#[tokio::test]
async fn changes_that_cannot_be_are_refused_and_change_nothing() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 2).await;
    let fault = shop.update(change("A", &id, Change::Adjust(-3))).await.unwrap_err();
    assert!(fault.is(Reason::InsufficientOnHand), "{fault}");
    let mut silent = change("A", &id, Change::Adjust(-1));
    silent.note = " ".into();
    let fault = shop.update(silent).await.unwrap_err();
    assert_eq!(fault.violations()[0].field, "update.note");
    let mut stale = change("A", &id, Change::Set(5));
    stale.expected_version = Some(7);
    let fault = shop.update(stale.clone()).await.unwrap_err();
    assert!(fault.is(Common::ConcurrentModification), "{fault}");
    assert_eq!(fault.metadata()["current_version"], "2", "1 unit is low stock, which counts too");
    stale.expected_version = Some(0);
    assert!(shop.update(stale).await.is_err());
    let nowhere = uuid::Uuid::now_v7().to_string();
    let fault = shop.update(change("A", &nowhere, Change::Receive(1))).await.unwrap_err();
    assert!(fault.is(Reason::WarehouseNotFound), "{fault}");
    let much = change("A", &id, Change::Receive(1_000_000_000_000));
    let fault = shop.update(much).await.unwrap_err();
    assert!(fault.is(Reason::QuantityTooLarge), "{fault}");
    assert_eq!(quantities(&shop.level("A").await), (2, 0, 0, 2));
    assert_eq!(shop.movements("A").await.len(), 1);
    shop.close().await;
}

#[tokio::test]
async fn a_movement_key_is_recorded_once() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 1).await;
    let mut keyed = change("A", &id, Change::Receive(5));
    keyed.movement_key = "note-7/1".into();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = UpdateStockRequest { update: Some(keyed.clone()), ..Default::default() };
        let answer = update_stock(&shop.app, request).await.unwrap();
        assert_eq!(answer.stock.unwrap().on_hand, 6);
        ids.push(answer.movement.unwrap().movement_id);
    }
    assert_eq!(ids[0], ids[1]);
    keyed.change = Some(Change::Receive(6));
    let fault = shop.update(keyed).await.unwrap_err();
    assert!(fault.is(Reason::MovementKeyReused), "{fault}");
    assert_eq!(fault.metadata()["movement_id"], ids[0]);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_movement_key_is_recorded_once_whoever_sends_it() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 1).await;
    shop.know(&["B"]).await;
    let calls: Vec<_> = (0..10)
        .map(|number| {
            let name = if number % 2 == 0 { "A" } else { "B" };
            let mut update = change(name, &id, Change::Receive(5));
            update.movement_key = "note".into();
            let app = shop.app.clone();
            let request = UpdateStockRequest { update: Some(update), ..Default::default() };
            tokio::spawn(async move { update_stock(&app, request).await })
        })
        .collect();
    for call in calls {
        if let Err(fault) = call.await.unwrap() {
            assert!(fault.is(Reason::MovementKeyReused), "{}", fault.chain());
        }
    }
    assert_eq!(shop.count("select count(*) from movements where movement_key = 'note'").await, 1);
    shop.close().await;
}

#[tokio::test]
async fn low_stock_is_told_once_and_ends_a_tenth_above_the_threshold() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 12).await;
    assert_eq!(shop.level("A").await.status(), StockStatus::InStock);
    let own = shop.reserve(&[("A", 2)]).await.unwrap().reservation_id;
    assert_eq!(shop.level("A").await.status(), StockStatus::LowStock);
    shop.reserve(&[("A", 1)]).await.unwrap();
    shop.release(&own).await.unwrap();
    let level = shop.level("A").await;
    assert_eq!((level.available, level.status()), (11, StockStatus::InStock));
    shop.update(change("A", &id, Change::Count(1))).await.unwrap();
    assert_eq!(shop.level("A").await.status(), StockStatus::OutOfStock);
    let events = shop.outbox().await;
    let subjects: Vec<&str> =
        events.iter().map(|own| own.subject.rsplit('.').next().unwrap()).collect();
    assert_eq!(
        subjects,
        [
            "created",
            "stock_changed",
            "stock_changed",
            "low_stock",
            "stock_changed",
            "stock_changed",
            "released",
            "stock_changed"
        ]
    );
    let (changed, low): (StockChanged, LowStock) = (events[2].read(), events[3].read());
    let (changed, low) = (changed.stock.unwrap(), low.stock.unwrap());
    assert_eq!((changed.version, low.version), (2, 3));
    assert_eq!((low.available, low.low_stock_threshold), (10, 10));
    let versions: Vec<i64> = events[1..6].iter().map(|own| own.version).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5], "each event takes the next version");
    let low = ListStockRequest {
        statuses: vec![StockStatus::OutOfStock.into()],
        warehouse_id: id,
        ..Default::default()
    };
    assert_eq!(list_stock(&shop.app, low).await.unwrap().stock.len(), 1);
    shop.close().await;
}

fn batch(updates: Vec<StockUpdate>, policy: ErrorPolicy) -> BatchUpdateStockRequest {
    BatchUpdateStockRequest { updates, error_policy: policy.into(), ..Default::default() }
}

#[tokio::test]
async fn a_batch_is_done_whole_or_without_what_is_refused() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 2).await;
    shop.know(&["B", "C"]).await;
    let rows = || {
        vec![
            change("A", &id, Change::Adjust(-1)),
            change("B", &id, Change::Adjust(-1)),
            change("C", &id, Change::Receive(4)),
            change("A", &id, Change::Receive(4)),
            change("C ", &id, Change::Receive(4)),
        ]
    };
    let fault =
        batch_update_stock(&shop.app, batch(rows(), ErrorPolicy::Unspecified)).await.unwrap_err();
    let fields: Vec<&str> = fault.violations().iter().map(|own| own.field.as_str()).collect();
    assert_eq!(fields, ["updates[3].sku", "updates[4].sku"], "what can be seen before");
    let fault = batch_update_stock(&shop.app, batch(rows()[..3].to_vec(), ErrorPolicy::RejectAll))
        .await
        .unwrap_err();
    assert!(fault.is(Reason::InsufficientOnHand), "{fault}");
    assert!(fault.message().starts_with("updates[1]"), "{fault}");
    assert_eq!(shop.level("A").await.on_hand, 2);

    let mut checked = batch(rows(), ErrorPolicy::SkipFailed);
    checked.validate_only = true;
    let planned = batch_update_stock(&shop.app, checked).await.unwrap();
    assert_eq!(shop.movements("A").await.len(), 1, "nothing is written");
    let answer =
        batch_update_stock(&shop.app, batch(rows(), ErrorPolicy::SkipFailed)).await.unwrap();
    assert_eq!((answer.changed, answer.unchanged, answer.refused), (2, 0, 3));
    assert_eq!((planned.changed, planned.refused), (2, 3));
    let reasons: Vec<&str> = answer.results.iter().map(|own| own.reason.as_str()).collect();
    assert_eq!(reasons, ["", "INSUFFICIENT_ON_HAND", "", "DUPLICATE_ROW", "INVALID_FIELD"]);
    assert_eq!(answer.results[2].available, 4);
    assert_eq!(answer.results[4].fields, ["sku"]);
    shop.close().await;
}

#[tokio::test]
async fn a_thousand_rows_are_one_batch() {
    let shop = Shop::open().await;
    let id = shop.warehouse("W1").await.warehouse_id;
    let names: Vec<String> = (0..1_000).map(|number| format!("A-{number}")).collect();
    shop.know(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let rows = names.iter().map(|name| change(name, &id, Change::Receive(20))).collect();
    let answer = batch_update_stock(&shop.app, batch(rows, ErrorPolicy::RejectAll)).await.unwrap();
    assert_eq!((answer.changed, answer.results.len()), (1_000, 1_000));
    assert!(answer.results.iter().all(|own| own.version == 1 && own.available == 20));
    shop.close().await;
}

#[tokio::test]
async fn units_move_between_warehouses_and_promised_ones_stay() {
    let shop = Shop::open().await;
    let from = shop.stocked("A", 5).await;
    let to = shop.warehouse("W2").await.warehouse_id;
    shop.reserve(&[("A", 2)]).await.unwrap();
    let request = |quantity| TransferStockRequest {
        sku: "A".into(),
        from_warehouse_id: from.clone(),
        to_warehouse_id: to.clone(),
        quantity,
        ..Default::default()
    };
    let fault = transfer_stock(&shop.app, request(4)).await.unwrap_err();
    assert!(fault.is(Reason::InsufficientStock), "{fault}");
    assert_eq!(fault.metadata()["available"], "3");
    let done = transfer_stock(&shop.app, request(3)).await.unwrap();
    assert_eq!(quantities(&done.from.unwrap()), (2, 0, 2, 0));
    assert_eq!(quantities(&done.to.unwrap()), (3, 0, 0, 3));
    let all = ListMovementsRequest { sku: "A".into(), ..Default::default() };
    let moved = list_movements(&shop.app, all).await.unwrap().movements;
    let both = moved.iter().filter(|own| own.transfer_id == done.transfer_id);
    assert_eq!(both.map(|own| own.quantity).collect::<Vec<_>>(), [3, 3]);
    let mut same = request(1);
    same.to_warehouse_id = from.clone();
    let fault = transfer_stock(&shop.app, same).await.unwrap_err();
    assert_eq!(fault.violations()[0].field, "to_warehouse_id");
    let mut empty = request(1);
    (empty.from_warehouse_id, empty.to_warehouse_id) =
        (shop.warehouse("W3").await.warehouse_id, from);
    let fault = transfer_stock(&shop.app, empty).await.unwrap_err();
    assert!(fault.is(Reason::StockNotFound), "{fault}");
    shop.close().await;
}

#[tokio::test]
async fn settings_change_what_is_available_without_a_movement() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 20).await;
    let request = UpdateStockSettingsRequest {
        sku: "A".into(),
        warehouse_id: id,
        settings: Some(StockSettings { safety_stock: 5, backorder_limit: 9, ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["safety_stock".into()] }),
        expected_version: Some(1),
        ..Default::default()
    };
    let level = update_stock_settings(&shop.app, request.clone()).await.unwrap().stock.unwrap();
    assert_eq!((level.available, level.safety_stock, level.backorder_limit), (15, 5, 0));
    assert_eq!(level.version, 2);
    let fault = update_stock_settings(&shop.app, request).await.unwrap_err();
    assert!(fault.is(Common::ConcurrentModification), "{fault}");
    assert_eq!(shop.movements("A").await.len(), 1);
    shop.close().await;
}

#[tokio::test]
async fn expected_units_are_fewer_once_some_came() {
    let shop = Shop::open().await;
    let id = shop.stocked("A", 1).await;
    let expect = async |reference: &str, quantity, seconds| {
        let incoming = Incoming {
            warehouse_id: id.clone(),
            sku: "A".into(),
            reference: reference.into(),
            quantity,
            expected_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        };
        let request = SetIncomingRequest { incoming: Some(incoming), ..Default::default() };
        set_incoming(&shop.app, request).await.unwrap();
    };
    expect("po-2", 7, 2_000_000_100).await;
    expect("po-1", 5, 2_000_000_000).await;
    expect("po-1", 6, 2_000_000_000).await;
    let list = async || {
        let request = ListIncomingRequest { sku: "A".into(), ..Default::default() };
        let all = list_incoming(&shop.app, request).await.unwrap().incoming;
        all.into_iter().map(|own| (own.reference, own.quantity)).collect::<Vec<_>>()
    };
    assert_eq!(list().await, [("po-1".into(), 6), ("po-2".into(), 7)]);
    let mut came = change("A", &id, Change::Receive(4));
    came.incoming_reference = "po-1".into();
    shop.update(came.clone()).await.unwrap();
    assert_eq!(list().await[0], ("po-1".into(), 2));
    shop.update(came).await.unwrap();
    expect("po-2", 0, 2_000_000_100).await;
    assert!(list().await.is_empty());
    shop.close().await;
}

#[tokio::test]
async fn rules_are_kept_and_those_that_contradict_each_other_refused() {
    let shop = Shop::open().await;
    shop.know(&["A"]).await;
    let set = async |rules| {
        let request = SetSkuRulesRequest { rules: Some(rules), ..Default::default() };
        Ok::<_, fault::Fault>(set_sku_rules(&shop.app, request).await?.rules.unwrap())
    };
    let rules = SkuRulesDraft {
        sku: "A".into(),
        low_stock_threshold: Some(3),
        minimum: 2,
        maximum: 6,
        ..Default::default()
    };
    let wrong = SkuRulesDraft { maximum: 1, ..rules.clone() };
    let fault = set(wrong).await.unwrap_err();
    assert_eq!(fault.violations()[0].field, "rules.maximum");
    let kept = set(rules.clone()).await.unwrap();
    assert_eq!(set(rules).await.unwrap(), kept, "nothing changed");
    let get = GetSkuRulesRequest { sku: "A".into() };
    assert_eq!(get_sku_rules(&shop.app, get).await.unwrap().rules.unwrap(), kept);
    assert_eq!((kept.minimum, kept.low_stock_threshold), (2, Some(3)));
    shop.close().await;
}
