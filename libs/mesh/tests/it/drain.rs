//! How a process ends.

use crate::world::{World, ask};
use mesh::Died;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[tokio::test]
async fn a_call_in_flight_ends_well_and_new_ones_are_refused() {
    let world = World::with(|config| config.server.drain_delay_ms = 200).await;
    let mut client = world.client();
    let mut health = HealthClient::new(world.channel());
    let call = client.get_price(world.signed(ask("GATED")));
    let rest = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.running.stop();
        tokio::time::sleep(Duration::from_millis(100)).await;
        // Not ready, but still serving: load balancers have not noticed yet.
        let status = health.check(HealthCheckRequest::default()).await.unwrap();
        assert_eq!(status.get_ref().status, 2);
        world.get("A-1").await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(TcpStream::connect(world.running.grpc()).await.is_err(), "still accepts");
        assert_eq!(world.page("/health/ready").await.0, 503);
        world.gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(call, rest);
    answer.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_call_in_flight_can_still_call_inside_while_the_process_drains() {
    let world = World::start().await;
    let call = world.get("GATED-INNER");
    let rest = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.running.stop();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(TcpStream::connect(world.running.grpc()).await.is_err(), "still accepts");
        world.gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(call, rest);
    answer.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_silent_client_does_not_hold_the_process() {
    let world = World::start().await;
    let silent = TcpStream::connect(world.running.grpc()).await.unwrap();
    let idle = world.client();
    world.get("A-1").await.unwrap();
    let begun = Instant::now();
    world.end().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    drop((silent, idle));
}

#[tokio::test]
async fn a_call_that_does_not_end_is_cut_off_in_time() {
    let world = World::with(|config| {
        config.server.drain_seconds = 1;
        config.timeouts.timeout_ms.insert("pricing_get_price".to_owned(), 60_000);
    })
    .await;
    let mut client = world.client();
    let call = client.get_price(world.signed(ask("SLOW")));
    let begun = Instant::now();
    let end = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.running.stop();
    };
    let (answer, ()) = tokio::join!(call, end);
    assert!(answer.is_err());
    world.end().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn tasks_finish_after_the_calls_and_a_dead_one_ends_the_process() {
    let world = World::start().await;
    let (done, ending) = (tokio_util::sync::CancellationToken::new(), world.tasks.ending());
    let finished = done.clone();
    world.tasks.keep("consumer", async move {
        ending.cancelled().await;
        finished.cancel();
    });
    world.tasks.keep("timer", async { panic!("the timer broke") });
    let outcome: Result<(), Died> = world.running.finished().await;
    let died = outcome.unwrap_err().to_string();
    assert!(died.contains("timer") && died.contains("the timer broke"), "{died}");
    assert!(done.is_cancelled(), "the other task was told to end");
    std::fs::remove_dir_all(world.folder).unwrap();
}
