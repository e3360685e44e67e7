use crate::shop::{Shop, commit, lines, quantities, wish};
use chrono::TimeDelta;
use warehouse::rpc::cancel_reservation::cancel_reservation;
use warehouse::rpc::change_reservation::change_reservation;
use warehouse::rpc::commit_reservation::commit_reservation;
use warehouse::rpc::extend_reservation::extend_reservation;
use warehouse::rpc::fulfill_reservation::fulfill_reservation;
use warehouse::rpc::list_reservations::list_reservations;
use warehouse::rpc::reserve::reserve;
use warehouse_api::v1::{
    CancelReservationRequest, ChangeReservationRequest, ExtendReservationRequest,
    FulfillReservationRequest, ListReservationsRequest, Reason, Reservation, ReservationState,
    ReserveRequest,
};

fn pairs(own: &Reservation) -> Vec<(&str, i64)> {
    own.lines.iter().map(|line| (line.sku.as_str(), line.quantity)).collect()
}

#[tokio::test]
async fn a_hold_is_prolonged_to_an_hour_in_all() {
    let shop = Shop::open().await;
    shop.stocked("A", 1).await;
    let own = shop.reserve(&[("A", 1)]).await.unwrap();
    let extend = async |hold_seconds| {
        let reservation_id = own.reservation_id.clone();
        let request =
            ExtendReservationRequest { reservation_id, hold_seconds, ..Default::default() };
        let answer = extend_reservation(&shop.app, request).await?;
        let extended = answer.reservation.unwrap();
        let lasts = extended.expire_time.unwrap().seconds - own.create_time.unwrap().seconds;
        Ok::<_, fault::Fault>((lasts, extended.version))
    };
    shop.app.db.shift_clock(TimeDelta::seconds(600));
    assert_eq!(extend(10).await.unwrap(), (900, 1), "never shorter");
    let (lasts, version) = extend(900).await.unwrap();
    assert!((1500..1503).contains(&lasts), "{lasts}");
    assert_eq!(version, 2);
    shop.app.db.shift_clock(TimeDelta::seconds(1_450));
    assert_eq!(extend(3_600).await.unwrap().0, 3_600, "an hour from its creation");
    shop.app.db.shift_clock(TimeDelta::seconds(3_601));
    let fault = extend(60).await.unwrap_err();
    assert!(fault.is(Reason::ReservationState), "{fault}");
    shop.close().await;
}

#[tokio::test]
async fn a_hold_holds_exactly_what_it_is_changed_to() {
    let shop = Shop::open().await;
    let warehouse = shop.stocked("A", 5).await;
    shop.know(&["B", "C"]).await;
    shop.receive("B", &warehouse, 5).await;
    shop.receive("C", &warehouse, 5).await;
    let own = shop.reserve(&[("A", 3), ("B", 2)]).await.unwrap();
    let change = async |wanted: &[(&str, i64)]| {
        let request = ChangeReservationRequest {
            reservation_id: own.reservation_id.clone(),
            lines: lines(wanted),
            ..Default::default()
        };
        Ok::<_, fault::Fault>(change_reservation(&shop.app, request).await?.reservation.unwrap())
    };
    let changed = change(&[("A", 5), ("C", 1)]).await.unwrap();
    assert_eq!(pairs(&changed), [("A", 5), ("C", 1)]);
    assert_eq!((changed.version, changed.expire_time), (2, own.expire_time));
    assert_eq!(quantities(&shop.level("A").await), (5, 0, 5, 0));
    assert_eq!(quantities(&shop.level("B").await), (5, 0, 0, 5));
    let moved: Vec<_> = shop.movements("A").await;
    assert_eq!(moved[1..], [("RESERVE".into(), 3), ("RESERVE".into(), 2)]);

    let fault = change(&[("A", 1), ("B", 6)]).await.unwrap_err();
    assert!(fault.is(Reason::InsufficientStock), "{fault}");
    assert_eq!(quantities(&shop.level("A").await), (5, 0, 5, 0), "as before");
    assert_eq!(change(&[("A", 5), ("C", 1)]).await.unwrap().version, 2, "nothing changed");
    let less = change(&[("A", 2)]).await.unwrap();
    assert_eq!(pairs(&less), [("A", 2)]);
    shop.commit(&own.reservation_id, "order").await.unwrap();
    assert_eq!(quantities(&shop.level("A").await), (5, 2, 0, 3));
    let fault = change(&[("A", 3)]).await.unwrap_err();
    assert!(fault.is(Reason::ReservationState), "{fault}");
    shop.close().await;
}

#[tokio::test]
async fn a_hold_is_let_go_of_once() {
    let shop = Shop::open().await;
    shop.stocked("A", 3).await;
    let own = shop.reserve(&[("A", 2)]).await.unwrap().reservation_id;
    let released = shop.release(&own).await.unwrap();
    assert_eq!(released.state(), ReservationState::Released);
    assert_eq!(shop.release(&own).await.unwrap(), released);
    assert_eq!(quantities(&shop.level("A").await), (3, 0, 0, 3));
    assert!(shop.commit(&own, "order").await.unwrap_err().is(Reason::ReservationState));
    let sold = shop.reserve(&[("A", 2)]).await.unwrap().reservation_id;
    shop.commit(&sold, "order").await.unwrap();
    let fault = shop.release(&sold).await.unwrap_err();
    assert!(fault.is(Reason::ReservationState), "{fault}");
    assert_eq!(fault.metadata()["state"], "COMMITTED");
    let expired = shop.reserve(&[("A", 1)]).await.unwrap().reservation_id;
    shop.pass(16, 0);
    assert_eq!(shop.release(&expired).await.unwrap().state(), ReservationState::Expired);
    let unknown = uuid::Uuid::now_v7().to_string();
    assert!(shop.release(&unknown).await.unwrap_err().is(Reason::ReservationNotFound));
    shop.close().await;
}

#[tokio::test]
async fn units_are_shipped_and_taken_back_in_parts() {
    let shop = Shop::open().await;
    let warehouse = shop.stocked("A", 10).await;
    shop.know(&["B"]).await;
    shop.receive("B", &warehouse, 10).await;
    let own = shop.reserve(&[("A", 5), ("B", 2)]).await.unwrap().reservation_id;
    assert!(shop.fulfill(&own, &[]).await.unwrap_err().is(Reason::ReservationState));
    shop.commit(&own, "order").await.unwrap();
    let part = shop.fulfill(&own, &[("A", 3)]).await.unwrap();
    assert_eq!(part.state(), ReservationState::Committed);
    assert_eq!(quantities(&shop.level("A").await), (7, 2, 0, 5));
    let fault = shop.fulfill(&own, &[("B", 1), ("A", 3)]).await.unwrap_err();
    assert!(fault.is(Reason::QuantityAboveOpen), "{fault}");
    assert_eq!(fault.violations()[0].field, "lines[1].quantity");
    assert_eq!(fault.metadata()["open"], "2");
    let part = shop.cancel(&own, &[("A", 1), ("B", 2)]).await.unwrap();
    assert_eq!((part.lines[0].fulfilled, part.lines[0].cancelled), (3, 1));
    let done = shop.fulfill(&own, &[]).await.unwrap();
    assert_eq!(done.state(), ReservationState::Fulfilled);
    assert_eq!(quantities(&shop.level("A").await), (6, 0, 0, 6));
    assert_eq!(quantities(&shop.level("B").await), (10, 0, 0, 10));
    assert_eq!(shop.fulfill(&own, &[]).await.unwrap(), done, "again changes nothing");
    assert!(shop.fulfill(&own, &[("A", 1)]).await.unwrap_err().is(Reason::ReservationState));
    shop.close().await;
}

#[tokio::test]
async fn a_fulfillment_ships_once() {
    let shop = Shop::open().await;
    shop.stocked("A", 10).await;
    let own = shop.reserve(&[("A", 5)]).await.unwrap().reservation_id;
    shop.commit(&own, "order").await.unwrap();
    let request = FulfillReservationRequest {
        reservation_id: own.clone(),
        fulfillment_id: "f-1".into(),
        lines: lines(&[("A", 2)]),
        ..Default::default()
    };
    for _ in 0..2 {
        let answer = fulfill_reservation(&shop.app, request.clone()).await.unwrap();
        assert_eq!(answer.reservation.unwrap().lines[0].fulfilled, 2);
    }
    let by = async |request| list_reservations(&shop.app, request).await.unwrap().reservations;
    let of = ListReservationsRequest { fulfillment_id: "f-1".into(), ..Default::default() };
    assert_eq!(by(of).await[0].reservation_id, own);
    let of = ListReservationsRequest { order_id: "order".into(), ..Default::default() };
    assert_eq!(by(of).await.len(), 1);
    let of = ListReservationsRequest {
        order_id: "order".into(),
        owner_id: "somebody".into(),
        ..Default::default()
    };
    assert!(by(of).await.is_empty());
    shop.close().await;
}

#[tokio::test]
async fn lists_page_through_all_reservations() {
    let shop = Shop::open().await;
    shop.stocked("A", 10).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(shop.reserve(&[("A", 1)]).await.unwrap().reservation_id);
    }
    let mut request =
        ListReservationsRequest { owner_id: "cart".into(), page_size: 2, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = list_reservations(&shop.app, request.clone()).await.unwrap();
        seen.extend(page.reservations.into_iter().map(|own| own.reservation_id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    made.sort();
    assert_eq!(seen, made);
    shop.close().await;
}

/// Everything that may come to one reservation at the same time ends in one of its states, and the ledger agrees.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_reservation_is_committed_cancelled_and_shipped_at_once() {
    let shop = Shop::open().await;
    shop.stocked("A", 1_000).await;
    for _ in 0..20 {
        let request = ReserveRequest { owner_id: "cart".into(), ..wish(&[("A", 3)]) };
        let own = reserve(&shop.app, request).await.unwrap().reservation.unwrap().reservation_id;
        let calls: Vec<_> = (0..9)
            .map(|number| {
                let (app, own) = (shop.app.clone(), own.clone());
                tokio::spawn(async move {
                    let done = match number % 3 {
                        0 => commit_reservation(&app, commit(&own, "order")).await.map(drop),
                        1 => {
                            let request = CancelReservationRequest {
                                reservation_id: own,
                                lines: lines(&[("A", 1)]),
                                ..Default::default()
                            };
                            cancel_reservation(&app, request).await.map(drop)
                        }
                        _ => {
                            let request = FulfillReservationRequest {
                                reservation_id: own,
                                lines: lines(&[("A", 1)]),
                                ..Default::default()
                            };
                            fulfill_reservation(&app, request).await.map(drop)
                        }
                    };
                    if let Err(fault) = done {
                        let expected = fault.is(Reason::ReservationState)
                            || fault.is(Reason::QuantityAboveOpen);
                        assert!(expected, "{}", fault.chain());
                    }
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
    }
    shop.close().await;
}
