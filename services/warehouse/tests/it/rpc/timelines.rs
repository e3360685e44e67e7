//! The timelines of a hold: stock 1, 15 minutes.

use crate::shop::{Shop, quantities};
use warehouse::rpc::get_reservation::get_reservation;
use warehouse::rpc::mark_payment_in_flight::mark_payment_in_flight;
use warehouse_api::v1::{
    GetReservationRequest, MarkPaymentInFlightRequest, Reason, ReservationState,
};

async fn state(shop: &Shop, id: &str) -> ReservationState {
    let request = GetReservationRequest { reservation_id: id.into() };
    get_reservation(&shop.app, request).await.unwrap().reservation.unwrap().state()
}

#[tokio::test]
async fn a_hold_ends_by_the_clock_and_a_late_commit_finds_it_taken() {
    let shop = Shop::open().await;
    shop.stocked("A", 1).await;
    let first = shop.reserve(&[("A", 1)]).await.unwrap().reservation_id;
    assert_eq!(quantities(&shop.level("A").await), (1, 0, 1, 0));
    shop.pass(14, 59);
    let fault = shop.reserve(&[("A", 1)]).await.unwrap_err();
    assert!(fault.is(Reason::InsufficientStock), "{fault}");
    assert_eq!(fault.metadata()["available"], "0");
    shop.pass(15, 1);
    // No sweeper runs: whoever looks sees that the time is up.
    assert_eq!(quantities(&shop.level("A").await), (1, 0, 0, 1));
    assert_eq!(state(&shop, &first).await, ReservationState::Expired);
    let second = shop.reserve(&[("A", 1)]).await.unwrap().reservation_id;
    shop.pass(15, 5);
    let fault = shop.commit(&first, "order-1").await.unwrap_err();
    assert!(fault.is(Reason::ReservationLost), "{fault}");
    assert_eq!(fault.metadata()["sku"], "A");
    shop.commit(&second, "order-2").await.unwrap();
    assert_eq!(quantities(&shop.level("A").await), (1, 1, 0, 0));
    shop.close().await;
}

#[tokio::test]
async fn a_late_commit_takes_anew_what_is_still_free() {
    let shop = Shop::open().await;
    shop.stocked("A", 1).await;
    let own = shop.reserve(&[("A", 1)]).await.unwrap().reservation_id;
    shop.pass(15, 5);
    let committed = shop.commit(&own, "order-1").await.unwrap().reservation.unwrap();
    assert_eq!(committed.state(), ReservationState::Committed);
    assert_eq!(quantities(&shop.level("A").await), (1, 1, 0, 0));
    let kinds = shop.movements("A").await;
    let kinds: Vec<&str> = kinds.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["RECEIVE", "RESERVE", "RELEASE", "ALLOCATE"]);
    shop.close().await;
}

#[tokio::test]
async fn a_payment_in_flight_keeps_the_hold_to_its_deadline() {
    let shop = Shop::open().await;
    shop.stocked("A", 1).await;
    let own = shop.reserve(&[("A", 1)]).await.unwrap();
    shop.pass(14, 50);
    let request = MarkPaymentInFlightRequest {
        reservation_id: own.reservation_id.clone(),
        ..Default::default()
    };
    let marked =
        mark_payment_in_flight(&shop.app, request.clone()).await.unwrap().reservation.unwrap();
    let lasts = marked.expire_time.unwrap().seconds - own.create_time.unwrap().seconds;
    assert_eq!(lasts, 30 * 60, "half an hour from its creation");
    let again = mark_payment_in_flight(&shop.app, request).await.unwrap().reservation.unwrap();
    assert_eq!(again.version, marked.version);
    shop.pass(15, 1);
    assert!(shop.reserve(&[("A", 1)]).await.unwrap_err().is(Reason::InsufficientStock));
    shop.pass(15, 5);
    shop.commit(&own.reservation_id, "order-1").await.unwrap();
    shop.close().await;
}

#[tokio::test]
async fn the_deadline_of_a_payment_is_hard() {
    let shop = Shop::open().await;
    shop.stocked("A", 1).await;
    let own = shop.reserve(&[("A", 1)]).await.unwrap().reservation_id;
    let request = MarkPaymentInFlightRequest { reservation_id: own, ..Default::default() };
    mark_payment_in_flight(&shop.app, request.clone()).await.unwrap();
    shop.pass(30, 1);
    shop.reserve(&[("A", 1)]).await.unwrap();
    let fault = mark_payment_in_flight(&shop.app, request).await.unwrap_err();
    assert!(fault.is(Reason::ReservationState), "{fault}");
    assert_eq!(fault.metadata()["state"], "EXPIRED");
    shop.close().await;
}

#[tokio::test]
async fn a_commit_that_comes_twice_is_one() {
    let shop = Shop::open().await;
    shop.stocked("A", 1).await;
    let own = shop.reserve(&[("A", 1)]).await.unwrap().reservation_id;
    let first = shop.commit(&own, "order-1").await.unwrap();
    let second = shop.commit(&own, "order-1").await.unwrap();
    assert_eq!(first, second);
    assert_eq!(first.movement_ids.len(), 1);
    let fault = shop.commit(&own, "order-2").await.unwrap_err();
    assert!(fault.is(Reason::ReservationOfAnotherOrder), "{fault}");
    assert_eq!(fault.metadata()["order_id"], "order-1");
    let events = shop.outbox().await;
    let committed = events.iter().filter(|own| own.subject == "warehouse.reservation.committed");
    assert_eq!(committed.count(), 1);
    shop.close().await;
}

#[tokio::test]
async fn a_cancel_before_the_shipment_frees_and_after_it_only_a_return_does() {
    let shop = Shop::open().await;
    let warehouse = shop.stocked("A", 1).await;
    let own = shop.reserve(&[("A", 1)]).await.unwrap().reservation_id;
    shop.commit(&own, "order-1").await.unwrap();
    assert_eq!(quantities(&shop.level("A").await), (1, 1, 0, 0));
    let cancelled = shop.cancel(&own, &[]).await.unwrap();
    assert_eq!(cancelled.state(), ReservationState::Cancelled);
    assert_eq!(quantities(&shop.level("A").await), (1, 0, 0, 1));

    let own = shop.reserve(&[("A", 1)]).await.unwrap().reservation_id;
    shop.commit(&own, "order-2").await.unwrap();
    let shipped = shop.fulfill(&own, &[]).await.unwrap();
    assert_eq!(shipped.state(), ReservationState::Fulfilled);
    assert_eq!(quantities(&shop.level("A").await), (0, 0, 0, 0));
    let fault = shop.cancel(&own, &[]).await.unwrap_err();
    assert!(fault.is(Reason::ReservationState), "{fault}");
    let back = warehouse_api::v1::stock_update::Change::Return(1);
    let back = crate::shop::change("A", &warehouse, back);
    assert_eq!(quantities(&shop.update(back).await.unwrap()), (1, 0, 0, 1));
    shop.close().await;
}
