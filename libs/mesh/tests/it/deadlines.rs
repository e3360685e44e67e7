//! Time runs out with a reason, and what is left of it goes on to the next service.

use crate::world::{World, ask, refused, told};
use fault::{Common, Fault, Kind};
use std::time::{Duration, Instant};
use tonic::Code;

#[tokio::test]
async fn the_callers_deadline_ends_the_call_whichever_timer_is_first() {
    let world = World::start().await;
    for _ in 0..10 {
        let begun = Instant::now();
        let mut request = world.signed(ask("SLOW"));
        request.metadata_mut().insert("grpc-timeout", "60m".parse().unwrap());
        let status = world.client().get_price(request).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(5));
        // tonic's client has a timer of its own, which says CANCELLED; a fault means the same either way.
        let fault = Fault::from(status);
        assert_eq!(fault.kind(), Kind::TimedOut, "{fault:?}");
        assert!(fault.is(Common::DeadlineExceeded), "{fault:?}");
    }
    world.end().await;
}

/// A call for a SKU, in the bytes of the wire.
fn framed(sku: &str) -> Vec<u8> {
    let message = prost::Message::encode_to_vec(&ask(sku));
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], length.as_slice(), &message].concat()
}

#[tokio::test]
async fn the_servers_answer_beats_tonics_own_timer() {
    let world = World::start().await;
    for _ in 0..50 {
        // A raw call has the timer of the server only.
        let answer = world.raw(crate::world::GET, &[("grpc-timeout", "20m")], framed("SLOW")).await;
        assert_eq!(answer["grpc-status"], "4", "{answer:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn the_methods_timeout_holds_for_callers_without_one_and_can_be_configured() {
    let world = World::with(|config| {
        config.timeouts.timeout_ms.insert("pricing_get_price".to_owned(), 150);
    })
    .await;
    let begun = Instant::now();
    let status = world.get("SLOW").await.unwrap_err();
    refused(&status, Code::DeadlineExceeded, Common::DeadlineExceeded);
    assert!(begun.elapsed() >= Duration::from_millis(150));
    let (_, metrics) = world.page("/metrics").await;
    let near = "rpc_near_timeouts_total{method=\"souk.pricing.v1.PricingService/GetPrice\"}";
    assert!(metrics.contains(near), "{metrics}");
    world.end().await;
}

#[tokio::test]
async fn a_call_that_has_no_time_left_is_not_begun() {
    let world = World::start().await;
    let answer = world.raw(crate::world::GET, &[("grpc-timeout", "1m")], Vec::new()).await;
    assert_eq!(answer["grpc-status"], "4");
    world.end().await;
}

#[tokio::test]
async fn the_inner_call_gets_what_is_left() {
    let world = World::start().await;
    let mut request = world.signed(ask("INNER"));
    request.metadata_mut().insert("grpc-timeout", "900m".parse().unwrap());
    let answer = world.client().get_price(request).await.unwrap();
    let left: u64 = told(answer.metadata(), "left").parse().unwrap();
    assert!((400..=880).contains(&left), "{left}");

    // The raw client has no timer, so this is what the services themselves made of it: 4 is DEADLINE_EXCEEDED.
    let begun = Instant::now();
    let slow = framed("INNER-SLOW");
    let answer = world.raw(crate::world::GET, &[("grpc-timeout", "400m")], slow).await;
    assert_eq!(answer["grpc-status"], "4", "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    world.end().await;
}
