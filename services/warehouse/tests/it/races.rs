//! Many callers at once.

use crate::shop::{Shop, commit, quantities, wish};
use futures::StreamExt;
use std::sync::Arc;
use warehouse::App;
use warehouse::jobs::sweep_expired;
use warehouse::rpc::cancel_reservation::cancel_reservation;
use warehouse::rpc::commit_reservation::commit_reservation;
use warehouse::rpc::release_reservation::release_reservation;
use warehouse::rpc::reserve::reserve;
use warehouse_api::v1::{
    CancelReservationRequest, Reason, ReleaseReservationRequest, ReserveRequest,
};

/// How many of `wishes` are held; the others find too little.
async fn held(app: &App, wishes: Vec<ReserveRequest>) -> usize {
    let calls: Vec<_> = wishes
        .into_iter()
        .map(|wish| {
            let app = app.clone();
            // Who finds no connection of the pool on a busy machine comes again, as a client does.
            tokio::spawn(async move {
                loop {
                    match reserve(&app, wish.clone()).await {
                        Err(fault) if fault.is(fault::Common::Overloaded) => {}
                        answer => return answer,
                    }
                }
            })
        })
        .collect();
    let mut held = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => held += 1,
            Err(fault) => assert!(fault.is(Reason::InsufficientStock), "{}", fault.chain()),
        }
    }
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_carts_ten_get_the_last_ten_units() {
    for combine in [true, false] {
        let shop = Shop::open_with(|own| own.combine_reservations = combine).await;
        shop.stocked("A", 10).await;
        assert_eq!(held(&shop.app, vec![wish(&[("A", 1)]); 50]).await, 10);
        assert_eq!(quantities(&shop.level("A").await), (10, 0, 10, 0));
        shop.close().await;
    }
}

/// Each round sells the last hundred units to three hundred buyers on as many connections as the pool has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_hundred_buyers_a_hundred_get_the_last_hundred() {
    let shop = Shop::open().await;
    let warehouse = shop.stocked("A-0", 100).await;
    for round in 0..20 {
        let name = format!("A-{round}");
        if round > 0 {
            shop.know(&[&name]).await;
            shop.receive(&name, &warehouse, 100).await;
        }
        assert_eq!(held(&shop.app, vec![wish(&[(&name, 1)]); 300]).await, 100, "round {round}");
        assert_eq!(quantities(&shop.level(&name).await), (100, 0, 100, 0));
    }
    shop.close().await;
}

/// The same request at once and again is one reservation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_is_one_reservation() {
    let shop = Shop::open().await;
    shop.stocked("A", 10).await;
    let request =
        ReserveRequest { request_id: uuid::Uuid::now_v7().to_string(), ..wish(&[("A", 2)]) };
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (app, request) = (shop.app.clone(), request.clone());
            tokio::spawn(async move { reserve(&app, request).await.unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    assert!(answers.iter().all(|own| *own == answers[0]));
    assert_eq!(quantities(&shop.level("A").await), (10, 0, 2, 8));
    let other = ReserveRequest { lines: crate::shop::lines(&[("A", 3)]), ..request };
    let fault = reserve(&shop.app, other).await.unwrap_err();
    assert!(fault.is(fault::Common::RequestIdReused), "{fault}");
    shop.close().await;
}

/// A caller that gives up leaves nobody waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_give_up_do_not_hold_up_others() {
    let shop = Shop::open().await;
    shop.stocked("A", 1_000).await;
    for _ in 0..10 {
        let mut calls: Vec<_> = (0..20)
            .map(|_| {
                let app = shop.app.clone();
                tokio::spawn(async move { reserve(&app, wish(&[("A", 1)])).await.map(drop) })
            })
            .collect();
        // The first, which does the work, and some that wait for it.
        for call in calls.drain(..7) {
            tokio::task::yield_now().await;
            call.abort();
        }
        for call in calls {
            call.await.unwrap().unwrap();
        }
    }
    shop.close().await;
}

/// Carts of five SKUs, half of them in the opposite order, while others commit, cancel, release and expire.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_carts_in_opposite_orders_reach_no_deadlock() {
    const NAMES: [&str; 5] = ["A", "B", "C", "D", "E"];
    let shop = Arc::new(Shop::open().await);
    let warehouse = shop.stocked("A", 200).await;
    shop.know(&NAMES).await;
    for name in &NAMES[1..] {
        shop.receive(name, &warehouse, 200).await;
    }
    let carts = futures::stream::iter(0..500)
        .map(|number: i64| {
            let app = shop.app.clone();
            tokio::spawn(async move {
                let mut lines: Vec<(&str, i64)> = NAMES.iter().map(|name| (*name, 1)).collect();
                if number % 2 == 1 {
                    lines.reverse();
                }
                let seconds = if number % 5 == 4 { 1 } else { 0 };
                let request = ReserveRequest { hold_seconds: seconds, ..wish(&lines) };
                let own = match reserve(&app, request).await {
                    Ok(own) => own.reservation.unwrap().reservation_id,
                    Err(fault) if fault.is(Reason::InsufficientStock) => return,
                    Err(fault) => panic!("{}", fault.chain()),
                };
                let done = match number % 5 {
                    0 => commit_reservation(&app, commit(&own, "order")).await.map(drop),
                    1 => {
                        let request =
                            ReleaseReservationRequest { reservation_id: own, ..Default::default() };
                        release_reservation(&app, request).await.map(drop)
                    }
                    2 => {
                        commit_reservation(&app, commit(&own, "order")).await.unwrap();
                        let request =
                            CancelReservationRequest { reservation_id: own, ..Default::default() };
                        cancel_reservation(&app, request).await.map(drop)
                    }
                    3 => sweep_expired::round(&app).await.map(drop),
                    _ => Ok(()),
                };
                if let Err(fault) = done {
                    panic!("{}", fault.chain());
                }
            })
        })
        .buffer_unordered(32);
    carts.for_each(async |cart| cart.unwrap()).await;
    shop.pass(0, 5);
    sweep_expired::round(&shop.app).await.unwrap();
    for name in NAMES {
        let level = shop.level(name).await;
        assert_eq!(level.on_hand, 200);
        assert!(level.allocated + level.reserved <= 200, "{level:?}");
    }
    Arc::into_inner(shop).unwrap().close().await;
}
