//! Which replica a call goes to.

use crate::names::{Names, Pricing, counted, eventually, metrics};
use crate::replica::{Replica, Shop, get_price};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

fn start(count: usize) -> Vec<Replica> {
    let shop = Arc::new(Shop::default());
    (0..count).map(|_| Replica::start(&shop)).collect()
}

fn names(replicas: &[Replica]) -> Names {
    Names::new(replicas.iter().map(|replica| replica.address))
}

/// Makes so many calls, one after the other; returns how many of them a replica got.
async fn share(pricing: &mut Pricing, calls: usize, replica: &Replica) -> usize {
    let before = replica.manner.calls();
    for _ in 0..calls {
        pricing.get_price(get_price("LAMP")).await.unwrap();
    }
    replica.manner.calls() - before
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_answers_slowly_is_left_out_until_it_does_not() {
    metrics();
    let replicas = start(3);
    let mut pricing = names(&replicas).client("slow");
    let slow = &replicas[2];
    assert!(share(&mut pricing, 90, slow).await > 10);
    slow.manner.answer_after(Duration::from_millis(400));
    eventually("none of 60 calls goes to the slow one", async || {
        share(&mut pricing, 60, slow).await == 0
    })
    .await;
    assert!(counted("rpc_client_ejections_total", "target=\"slow\",cause=\"slow\"") >= 1.0);
    slow.manner.answer_after(Duration::ZERO);
    eventually("it has its share again", async || share(&mut pricing, 60, slow).await > 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_are_all_slow_are_all_called() {
    let replicas = start(2);
    let mut pricing = names(&replicas).client("all-slow");
    share(&mut pricing, 20, &replicas[0]).await;
    for replica in &replicas {
        replica.manner.answer_after(Duration::from_millis(80));
    }
    eventually("both are called", async || {
        let got = share(&mut pricing, 20, &replicas[0]).await;
        (5..=15).contains(&got)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_replica_has_its_share_within_15_seconds() {
    let replicas = start(3);
    let names = names(&replicas[..2]);
    let mut pricing = names.client("scale-out");
    assert_eq!(share(&mut pricing, 20, &replicas[2]).await, 0);
    names.add(replicas[2].address);
    let begun = Instant::now();
    eventually("the new one has its share", async || {
        share(&mut pricing, 60, &replicas[2]).await > 10
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_has_no_addresses_any_more_keeps_the_last_ones() {
    let replicas = start(1);
    let names = names(&replicas);
    let mut pricing =
        names.client_with("no-names", |options| options.resolve_every = Duration::ZERO);
    share(&mut pricing, 1, &replicas[0]).await;
    names.clear();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        assert_eq!(share(&mut pricing, 1, &replicas[0]).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_replaced_before_they_are_old_and_no_call_fails() {
    let replicas = start(1);
    let manner = &replicas[0].manner;
    let mut pricing = names(&replicas).client_with("age", |options| {
        options.max_age = Duration::from_millis(100);
        options.resolve_every = Duration::ZERO;
    });
    manner.answer_after(Duration::from_millis(1_500));
    let mut other = pricing.clone();
    let long = tokio::spawn(async move { other.get_price(get_price("LAMP")).await });
    eventually("the long call is under way", async || manner.calls() == 1).await;
    manner.answer_after(Duration::ZERO);
    eventually("there were three connections", async || {
        share(&mut pricing, 1, &replicas[0]).await;
        manner.connections.load(Ordering::SeqCst) >= 3
    })
    .await;
    long.await.unwrap().unwrap();
}
