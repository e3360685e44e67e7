//! Which calls are repeated.

use crate::names::{Names, counted, metrics};
use crate::replica::{Replica, Shop, get_price, set_price};
use std::net::TcpListener;
use std::sync::Arc;
use tonic::Code;
use tonic::codec::CompressionEncoding;

fn unavailable() -> (Replica, Arc<Shop>) {
    let shop = Arc::new(Shop::default());
    let replica = Replica::start(&shop);
    replica.manner.be_unavailable(true);
    (replica, shop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_sent_three_times_at_most_and_says_so() {
    let (replica, shop) = unavailable();
    let mut pricing = Names::new([replica.address]).client("thrice");
    let status = pricing.get_price(get_price("LAMP")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(replica.manner.calls(), 3);
    assert_eq!(*replica.manner.previous_attempts.lock().unwrap(), ["1", "2"]);
    pricing.set_price(set_price("LAMP")).await.unwrap_err();
    assert_eq!(replica.manner.calls(), 6);
    assert_eq!(shop.effects.lock().unwrap()["LAMP"], 1, "all attempts had the same request id");
}

/// The stack cannot read a compressed request, so it does not know whether that has an idempotency key.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_could_act_twice_is_sent_once() {
    let (replica, shop) = unavailable();
    let pricing = Names::new([replica.address]).client("once");
    let mut pricing = pricing.send_compressed(CompressionEncoding::Gzip);
    pricing.set_price(set_price("LAMP")).await.unwrap_err();
    assert_eq!(replica.manner.calls(), 1);
    assert_eq!(shop.effects.lock().unwrap()["LAMP"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_not_sent_is_sent_elsewhere_whatever_it_does() {
    metrics();
    let shop = Arc::new(Shop::default());
    let replica = Replica::start(&shop);
    // Nobody listens there.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let pricing = Names::new([dead, replica.address]).client("unsent");
    let mut pricing = pricing.send_compressed(CompressionEncoding::Gzip);
    for n in 0..20 {
        pricing.set_price(set_price(&format!("LAMP-{n}"))).await.unwrap();
    }
    assert_eq!(replica.manner.calls(), 20);
    assert!(counted("rpc_client_retries_total", "target=\"unsent\",outcome=\"unsent\"") >= 1.0);
    assert!(counted("rpc_client_ejections_total", "target=\"unsent\",cause=\"broken\"") >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_all_fail_are_not_repeated_beyond_the_budget() {
    metrics();
    let (replica, _shop) = unavailable();
    let names = Names::new([replica.address]);
    // Calls of different callers at the same time, so that the breaker does not stop them.
    let pricing = names.client("budget");
    let calls = (0..200).map(|_| {
        let mut pricing = pricing.clone();
        async move { pricing.get_price(get_price("LAMP")).await.unwrap_err() }
    });
    futures::future::join_all(calls).await;
    // 200 calls, a tenth of them, five a second for ten seconds, and what a busy machine adds to those.
    assert!(replica.manner.calls() <= 200 + 20 + 50 + 20, "{}", replica.manner.calls());
    assert!(counted("rpc_client_retries_total", "target=\"budget\",outcome=\"over_budget\"") > 0.0);
}
