//! Shutdown.

use crate::fixture::{Fixture, READ, get_price_request};
use mesh::Died;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[tokio::test]
async fn a_call_in_flight_completes_and_new_ones_are_refused() {
    let fixture = Fixture::with(|config| config.server.drain_delay_ms = 200).await;
    let mut client = fixture.client();
    let mut health = HealthClient::new(fixture.channel());
    let call = client.get_price(fixture.signed(get_price_request("GATED")));
    let rest = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        fixture.running.stop();
        tokio::time::sleep(Duration::from_millis(100)).await;
        // Not ready, but still serving until load balancers have noticed.
        let status = health.check(HealthCheckRequest::default()).await.unwrap();
        assert_eq!(status.get_ref().status, 2);
        fixture.get("A-1").await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(TcpStream::connect(fixture.running.grpc()).await.is_err(), "still accepts");
        assert_eq!(fixture.page("/health/ready").await.0, 503);
        fixture.gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(call, rest);
    answer.unwrap();
    fixture.end().await;
}

#[tokio::test]
async fn a_request_over_http_in_flight_completes() {
    let fixture =
        Fixture::with(|config| config.server.http_listen = Some(([127, 0, 0, 1], 0).into())).await;
    let http = fixture.running.http().unwrap();
    let path = "/api/v1/pricing/skus/GATED/price?context.currencyCode=USD";
    let asked = reqwest::Client::new().get(format!("http://{http}{path}"));
    let asked = asked.bearer_auth(fixture.token(READ)).send();
    let rest = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        fixture.running.stop();
        // Longer than a connection without calls is left alone.
        tokio::time::sleep(Duration::from_millis(800)).await;
        assert!(TcpStream::connect(http).await.is_err(), "still accepts");
        fixture.gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(asked, rest);
    assert_eq!(answer.unwrap().status(), 200);
    fixture.end().await;
}

#[tokio::test]
async fn a_call_in_flight_can_make_inner_calls_while_the_process_drains() {
    let fixture = Fixture::start().await;
    let call = fixture.get("GATED-INNER");
    let rest = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        fixture.running.stop();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(TcpStream::connect(fixture.running.grpc()).await.is_err(), "still accepts");
        fixture.gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(call, rest);
    answer.unwrap();
    fixture.end().await;
}

#[tokio::test]
async fn an_idle_client_does_not_delay_shutdown() {
    let fixture = Fixture::start().await;
    let unused = TcpStream::connect(fixture.running.grpc()).await.unwrap();
    let idle = fixture.client();
    fixture.get("A-1").await.unwrap();
    let begun = Instant::now();
    fixture.end().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    drop((unused, idle));
}

#[tokio::test]
async fn a_call_that_does_not_end_is_aborted_after_the_drain_timeout() {
    let fixture = Fixture::with(|config| {
        config.server.drain_seconds = 1;
        config.timeouts.timeout_ms.insert("pricing_get_price".to_owned(), 60_000);
    })
    .await;
    let mut client = fixture.client();
    let call = client.get_price(fixture.signed(get_price_request("SLOW")));
    let begun = Instant::now();
    let end = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        fixture.running.stop();
    };
    let (answer, ()) = tokio::join!(call, end);
    assert!(answer.is_err());
    fixture.end().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn tasks_finish_after_the_calls_and_a_panicked_one_ends_the_process() {
    let fixture = Fixture::start().await;
    let (done, ending) = (tokio_util::sync::CancellationToken::new(), fixture.tasks.ending());
    let finished = done.clone();
    fixture.tasks.keep("consumer", async move {
        ending.cancelled().await;
        finished.cancel();
    });
    fixture.tasks.keep("timer", async { panic!("the timer broke") });
    let outcome: Result<(), Died> = fixture.running.finished().await;
    let died = outcome.unwrap_err().to_string();
    assert!(died.contains("timer") && died.contains("the timer broke"), "{died}");
    assert!(done.is_cancelled(), "the other task was cancelled");
    std::fs::remove_dir_all(fixture.folder).unwrap();
}
