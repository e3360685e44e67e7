//! An exceeded deadline has a reason, and the remaining time is propagated to inner calls.

use crate::fixture::{Fixture, get_price_request, refused, reported};
use fault::{Common, Fault, Kind};
use std::time::{Duration, Instant};
use tonic::Code;

#[tokio::test]
async fn the_callers_deadline_ends_the_call_on_either_side() {
    let fixture = Fixture::start().await;
    for _ in 0..10 {
        let begun = Instant::now();
        let mut request = fixture.signed(get_price_request("SLOW"));
        request.metadata_mut().insert("grpc-timeout", "60m".parse().unwrap());
        let status = fixture.client().get_price(request).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(5));
        // tonic's client may time out first, as CANCELLED; a fault maps both to the same reason.
        let fault = Fault::answered(status);
        assert_eq!(fault.kind(), Kind::TimedOut, "{fault:?}");
        assert!(fault.is(Common::DeadlineExceeded), "{fault:?}");
    }
    fixture.end().await;
}

/// A framed request for a SKU.
fn framed(sku: &str) -> Vec<u8> {
    let message = prost::Message::encode_to_vec(&get_price_request(sku));
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], length.as_slice(), &message].concat()
}

#[tokio::test]
async fn the_servers_deadline_ends_the_call_before_tonics_own_timer() {
    let fixture = Fixture::start().await;
    for _ in 0..50 {
        // A raw call has no timer of a client.
        let answer =
            fixture.raw(crate::fixture::GET, &[("grpc-timeout", "20m")], framed("SLOW")).await;
        assert_eq!(answer["grpc-status"], "4", "{answer:?}");
    }
    fixture.end().await;
}

#[tokio::test]
async fn the_methods_timeout_applies_to_calls_without_one_and_is_configurable() {
    let fixture = Fixture::with(|config| {
        config.timeouts.timeout_ms.insert("pricing_get_price".to_owned(), 150);
    })
    .await;
    let begun = Instant::now();
    let status = fixture.get("SLOW").await.unwrap_err();
    refused(&status, Code::DeadlineExceeded, Common::DeadlineExceeded);
    assert!(begun.elapsed() >= Duration::from_millis(150));
    let (_, metrics) = fixture.page("/metrics").await;
    let near = "rpc_near_timeouts_total{method=\"souk.pricing.v1.PricingService/GetPrice\"}";
    assert!(metrics.contains(near), "{metrics}");
    fixture.end().await;
}

#[tokio::test]
async fn a_call_after_its_deadline_is_not_begun() {
    let fixture = Fixture::start().await;
    let answer = fixture.raw(crate::fixture::GET, &[("grpc-timeout", "1m")], Vec::new()).await;
    assert_eq!(answer["grpc-status"], "4");
    fixture.end().await;
}

#[tokio::test]
async fn an_inner_call_gets_the_remaining_time() {
    let fixture = Fixture::start().await;
    let mut request = fixture.signed(get_price_request("INNER"));
    request.metadata_mut().insert("grpc-timeout", "900m".parse().unwrap());
    let answer = fixture.client().get_price(request).await.unwrap();
    let left: u64 = reported(answer.metadata(), "left").parse().unwrap();
    assert!((400..=880).contains(&left), "{left}");

    // The raw client has no timer, so the services have produced this status: 4 is DEADLINE_EXCEEDED.
    let begun = Instant::now();
    let slow = framed("INNER-SLOW");
    let answer = fixture.raw(crate::fixture::GET, &[("grpc-timeout", "400m")], slow).await;
    assert_eq!(answer["grpc-status"], "4", "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    fixture.end().await;
}
