//! Calls that are not made: breaker, bulkhead, deadline.

use crate::names::{Names, counted, eventually, metrics};
use crate::replica::{Replica, Shop, get_price};
use contracts::Reason;
use contracts::types::v1::Reason as Common;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

fn start() -> (Replica, Names) {
    let replica = Replica::start(&Arc::new(Shop::default()));
    let names = Names::new([replica.address]);
    (replica, names)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_opens_half_opens_and_closes_as_counted() {
    metrics();
    let (replica, names) = start();
    let mut pricing = names.client("breaker");
    let changes = |state| {
        let labels = format!("target=\"breaker\",state=\"{state}\"");
        counted("rpc_client_breaker_changes_total", &labels)
    };
    replica.manner.be_unavailable(true);
    for _ in 0..20 {
        let status = pricing.get_price(get_price("LAMP")).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "as the test wants it"));
    }
    assert_eq!((changes("open"), changes("half_open"), changes("closed")), (1.0, 0.0, 0.0));
    let (sent, begun) = (replica.manner.calls(), Instant::now());
    let status = pricing.get_price(get_price("LAMP")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason(&status), Common::DependencyUnavailable.name());
    assert_eq!(replica.manner.calls(), sent, "nothing is sent while it is open");

    replica.manner.be_unavailable(false);
    eventually("a probe succeeds", async || pricing.get_price(get_price("LAMP")).await.is_ok())
        .await;
    assert!(begun.elapsed() > Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!((changes("open"), changes("half_open"), changes("closed")), (1.0, 1.0, 0.0));
    for _ in 1..5 {
        pricing.get_price(get_price("LAMP")).await.unwrap();
    }
    assert_eq!((changes("open"), changes("half_open"), changes("closed")), (1.0, 1.0, 1.0));
    assert!(counted("rpc_client_refused_total", "target=\"breaker\",by=\"breaker\"") >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_at_a_time_than_allowed_are_refused_at_once() {
    let (replica, names) = start();
    let pricing = names.client_with("bulkhead", |options| options.max_in_flight = 2);
    replica.manner.answer_after(Duration::from_secs(2));
    let call = || {
        let mut pricing = pricing.clone();
        tokio::spawn(async move { pricing.get_price(get_price("LAMP")).await })
    };
    let held = [call(), call()];
    eventually("two are under way", async || replica.manner.calls() == 2).await;
    let status = call().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason(&status), Common::Overloaded.name());
    for held in held {
        held.await.unwrap().unwrap();
    }
    replica.manner.answer_after(Duration::ZERO);
    call().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_at_its_deadline_with_a_reason() {
    let (replica, names) = start();
    let mut pricing = names.client("deadline");
    replica.manner.answer_after(Duration::from_secs(60));
    let mut request = Request::new(get_price("LAMP"));
    request.set_timeout(Duration::from_millis(200));
    let begun = Instant::now();
    let status = pricing.get_price(request).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert_eq!(reason(&status), Common::DeadlineExceeded.name());
    assert_eq!(replica.manner.calls(), 1, "a call whose time is up is not repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_any_address_is_unavailable() {
    let mut pricing = Names::default().client("nowhere");
    let status = pricing.get_price(get_price("LAMP")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason(&status), Common::DependencyUnavailable.name());
}
