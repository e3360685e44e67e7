use crate::shop::{Shop, lines, quantities, sku, wish};
use warehouse::rpc::reserve::reserve;
use warehouse::rpc::set_sku_rules::set_sku_rules;
use warehouse::rpc::update_stock_settings::update_stock_settings;
use warehouse_api::v1::{
    AllocationContext, Reason, ReservationState, ReserveRequest, SetSkuRulesRequest, SkuRulesDraft,
    StockChanged, StockSettings, StockStatus, UpdateStockSettingsRequest, WantedLine,
};

#[tokio::test]
async fn all_lines_are_held_or_none_and_every_short_one_is_named() {
    let shop = Shop::open().await;
    let warehouse = shop.stocked("A", 5).await;
    shop.know(&["B", "C"]).await;
    shop.receive("B", &warehouse, 1).await;
    shop.receive("C", &warehouse, 9).await;
    let fault = shop.reserve(&[("A", 4), ("B", 2), ("C", 1), ("A", 2)]).await.unwrap_err();
    assert!(fault.is(Reason::InsufficientStock));
    let fields: Vec<&str> = fault.violations().iter().map(|own| own.field.as_str()).collect();
    assert_eq!(fields, ["lines[0].quantity", "lines[1].quantity"], "4 and 2 of A are 6");
    assert_eq!(fault.metadata()["available"], "5");
    assert_eq!(fault.metadata()["requested"], "6");
    for name in ["A", "B", "C"] {
        assert_eq!(shop.level(name).await.reserved, 0);
    }

    let own = shop.reserve(&[("A", 3), ("C", 1), ("A", 2)]).await.unwrap();
    assert_eq!(own.state(), ReservationState::Active);
    let held: Vec<_> = own.lines.iter().map(|line| (&*line.sku, line.quantity)).collect();
    assert_eq!(held, [("A", 5), ("C", 1)]);
    assert_eq!(quantities(&shop.level("A").await), (5, 0, 5, 0));
    let events = shop.outbox().await;
    let event: StockChanged = events.last().unwrap().read();
    assert_eq!(event.stock.unwrap().reserved, 1);
    shop.close().await;
}

#[tokio::test]
async fn what_is_neither_promised_nor_held_nor_kept_back_is_available() {
    let shop = Shop::open().await;
    let warehouse = shop.stocked("A", 10).await;
    let sold = shop.reserve(&[("A", 3)]).await.unwrap().reservation_id;
    shop.commit(&sold, "order").await.unwrap();
    let short = ReserveRequest { hold_seconds: 60, ..wish(&[("A", 1)]) };
    reserve(&shop.app, short).await.unwrap();
    shop.reserve(&[("A", 2)]).await.unwrap();
    let request = UpdateStockSettingsRequest {
        sku: "A".into(),
        warehouse_id: warehouse,
        settings: Some(StockSettings { safety_stock: 1, ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["safety_stock".into()] }),
        ..Default::default()
    };
    update_stock_settings(&shop.app, request).await.unwrap();
    shop.pass(1, 1);
    // 10 on hand, 3 promised, 2 held and 1 whose time is up, 1 kept back.
    assert_eq!(quantities(&shop.level("A").await), (10, 3, 2, 4));
    assert!(shop.reserve(&[("A", 5)]).await.unwrap_err().is(Reason::InsufficientStock));
    shop.reserve(&[("A", 4)]).await.unwrap();
    shop.close().await;
}

#[tokio::test]
async fn rules_of_a_sku_limit_its_sum_over_all_lines() {
    let shop = Shop::open().await;
    shop.stocked("A", 100).await;
    let rules = SkuRulesDraft {
        sku: "A".into(),
        minimum: 2,
        maximum: 12,
        step: 2,
        hold_seconds: 90,
        ..Default::default()
    };
    let request = SetSkuRulesRequest { rules: Some(rules), ..Default::default() };
    set_sku_rules(&shop.app, request).await.unwrap();
    for (quantity, reason) in [
        (1, Reason::QuantityBelowLimit),
        (14, Reason::QuantityAboveLimit),
        (5, Reason::QuantityOffStep),
    ] {
        let fault = shop.reserve(&[("A", quantity)]).await.unwrap_err();
        assert!(fault.is(reason), "{quantity}: {fault}");
    }
    let own = shop.reserve(&[("A", 1), ("A", 3)]).await.unwrap();
    let lasts = own.expire_time.unwrap().seconds - own.create_time.unwrap().seconds;
    assert_eq!(lasts, 90);
    shop.close().await;
}

#[tokio::test]
async fn what_cannot_be_held_is_refused_for_what_is_wrong_with_it() {
    let shop = Shop::open().await;
    let warehouse = shop.stocked("A", 5).await;
    // The catalogue cannot be asked here, so whether it knows B is not known.
    let fault = shop.reserve(&[("B", 1)]).await.unwrap_err();
    assert!(fault.is(fault::Common::DependencyUnavailable), "{fault}");
    let at = |warehouse_id: &str, quantity| {
        let line = WantedLine { sku: "A".into(), quantity, warehouse_id: warehouse_id.into() };
        ReserveRequest { lines: vec![line], ..wish(&[]) }
    };
    let nowhere = uuid::Uuid::now_v7().to_string();
    let fault = reserve(&shop.app, at(&nowhere, 1)).await.unwrap_err();
    assert!(fault.is(Reason::WarehouseNotFound), "{fault}");
    assert_eq!(fault.violations()[0].field, "lines[0].warehouse_id");
    let fault = reserve(&shop.app, at(&warehouse, 6)).await.unwrap_err();
    assert!(fault.is(Reason::InsufficientStock), "{fault}");
    reserve(&shop.app, at(&warehouse, 5)).await.unwrap();
    shop.close().await;
}

#[tokio::test]
async fn what_the_catalogue_has_deleted_is_held_for_nobody() {
    let shop = Shop::open().await;
    shop.stocked("A", 5).await;
    let variant = crate::shop::item("A").variant_id;
    shop.app
        .db
        .write("test", async |tx| {
            let now = tx.now().await?;
            warehouse::store::items::mark_deleted(tx, &[variant], now).await
        })
        .await
        .unwrap();
    let fault = shop.reserve(&[("A", 1)]).await.unwrap_err();
    assert!(fault.is(Reason::UnknownItem), "{fault}");
    assert_eq!(fault.metadata()["state"], "deleted");
    assert_eq!(fault.metadata()["sku"], sku("A").to_string());
    shop.close().await;
}

#[tokio::test]
async fn backorders_are_held_beyond_what_there_is_up_to_their_limit() {
    let shop = Shop::open().await;
    let warehouse = shop.stocked("A", 1).await;
    let request = UpdateStockSettingsRequest {
        sku: "A".into(),
        warehouse_id: warehouse,
        settings: Some(StockSettings { backorder_limit: 2, ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["backorder_limit".into()] }),
        ..Default::default()
    };
    update_stock_settings(&shop.app, request).await.unwrap();
    let own = shop.reserve(&[("A", 2)]).await.unwrap().reservation_id;
    shop.commit(&own, "order").await.unwrap();
    let level = shop.level("A").await;
    assert_eq!((level.available, level.backorderable), (0, 1));
    assert_eq!(level.status(), StockStatus::Backorder);
    assert!(shop.reserve(&[("A", 2)]).await.unwrap_err().is(Reason::InsufficientStock));
    let fault = shop.fulfill(&own, &[]).await.unwrap_err();
    assert!(fault.is(Reason::InsufficientOnHand), "{fault}");
    shop.close().await;
}

#[tokio::test]
async fn a_cart_is_served_by_the_warehouses_that_serve_its_place() {
    let shop = Shop::open().await;
    let first = shop.stocked("A", 5).await;
    let mut draft = warehouse_api::v1::WarehouseDraft {
        code: "W2".into(),
        name: "North".into(),
        priority: 9,
        ..Default::default()
    };
    let area = |country: &str| warehouse_api::v1::ServedArea {
        country: country.into(),
        ..Default::default()
    };
    draft.areas = vec![area("RS")];
    let second = shop.create(draft).await.unwrap().warehouse_id;
    shop.receive("A", &second, 5).await;
    let to = |country: &str, quantity| ReserveRequest {
        lines: lines(&[("A", quantity)]),
        context: Some(AllocationContext { country: country.into(), ..Default::default() }),
        ..wish(&[])
    };
    let ships = async |request| {
        let own = reserve(&shop.app, request).await.unwrap().reservation.unwrap();
        own.lines.iter().map(|line| (line.warehouse_id.clone(), line.quantity)).collect::<Vec<_>>()
    };
    assert_eq!(ships(to("RS", 1)).await, [(second.clone(), 1)], "the higher priority");
    assert_eq!(ships(to("DE", 4)).await, [(first.clone(), 4)]);
    let fault = reserve(&shop.app, to("DE", 2)).await.unwrap_err();
    assert_eq!(fault.metadata()["available"], "1");
    let mut split = ships(to("RS", 5)).await;
    split.sort();
    let mut both = [(first, 1), (second, 4)];
    both.sort();
    assert_eq!(split, both);
    shop.close().await;
}
