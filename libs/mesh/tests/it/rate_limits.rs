//! Callers are limited as the contract or a setting says.

use crate::fixture::{Fixture, READ, get_price_request, refused, signed};
use fault::{Common, Fault};
use mesh::Config;
use mesh::auth::{ACT_AS, USER_TOKEN};
use pricing_api::v1::{GetPriceResponse, Reason};
use std::time::{Duration, Instant};
use testbed::Servers;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};

/// A minute's calls of `GetPrice`; a quarter of them at once.
fn limit(config: &mut Config, per_minute: u32) {
    config.rate_limit.per_minute.insert("pricing_get_price".to_owned(), per_minute);
}

/// A process that keeps its limits in this Redis, and waits for it for as long as the tests' machine needs.
async fn sharing(redis_url: &str, per_minute: u32) -> Fixture {
    let redis_url = redis_url.to_owned();
    Fixture::with(move |config| {
        limit(config, per_minute);
        config.redis.url = Some(redis_url.into());
        config.redis.command_timeout_ms = 10_000;
    })
    .await
}

/// A subject that no other test knows, since all share a Redis.
fn subject() -> String {
    uuid::Uuid::now_v7().to_string()
}

async fn get(fixture: &Fixture, token: &str) -> Result<Response<GetPriceResponse>, Status> {
    fixture.client().get_price(signed(get_price_request("A-1"), token)).await
}

fn number(metadata: &MetadataMap, name: &str) -> u64 {
    metadata.get(name).unwrap().to_str().unwrap().parse().unwrap()
}

/// What the three headers say.
fn said(metadata: &MetadataMap) -> [u64; 3] {
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map(|name| number(metadata, name))
}

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_again_by_every_process() {
    let url = Servers::up().await.redis_url;
    let (one, two) = (sharing(&url, 8).await, sharing(&url, 8).await);
    let subject = subject();
    let (of_one, of_two) = (one.token_of(&subject, READ), two.token_of(&subject, READ));
    let first = get(&one, &of_one).await.unwrap();
    assert_eq!(said(first.metadata()), [8, 1, 8]);
    let second = get(&two, &of_two).await.unwrap();
    assert_eq!(said(second.metadata())[..2], [8, 0]);

    for (fixture, token) in [(&one, &of_one), (&two, &of_two)] {
        let status = get(fixture, token).await.unwrap_err();
        let fault = refused(&status, Code::ResourceExhausted, Common::RateLimited);
        let pause = fault.pause().unwrap();
        assert!(
            pause > Duration::from_secs(5) && pause <= Duration::from_millis(7_501),
            "{pause:?}"
        );
        assert_eq!(said(status.metadata())[..2], [8, 0]);
        assert!((8..=15).contains(&number(status.metadata(), "ratelimit-reset")), "{status:?}");
    }
    // Another caller, and another method.
    get(&one, &one.token_of(&self::subject(), READ)).await.unwrap();
    let others = pricing_api::v1::BatchGetPricesRequest {
        items: vec![get_price_request("A-1").item.unwrap()],
        context: get_price_request("A-1").context,
    };
    one.client().batch_get_prices(signed(others, &of_one)).await.unwrap();
    one.end().await;
    two.end().await;
}

#[tokio::test]
async fn calls_among_services_are_not_limited() {
    let fixture = Fixture::with(|config| limit(config, 4)).await;
    // The call that it makes is another one of the same method, by the port inside.
    let status = fixture.get("INNER-MISSING").await.unwrap_err();
    refused(&status, Code::NotFound, Reason::PriceNotFound);
    let status = fixture.get("INNER-MISSING").await.unwrap_err();
    refused(&status, Code::ResourceExhausted, Common::RateLimited);

    // A service in another process comes by the port outside, with the token of its user.
    let (service, user) =
        (fixture.token_of("checkout", &["pricing:read", ACT_AS]), fixture.token(READ));
    for _ in 0..10 {
        let mut request = signed(get_price_request("A-1"), &service);
        request.metadata_mut().insert(USER_TOKEN, user.parse().unwrap());
        fixture.client().get_price(request).await.unwrap();
    }
    fixture.end().await;
}

#[tokio::test]
async fn a_caller_without_scopes_is_limited_too() {
    let fixture = Fixture::with(|config| limit(config, 4)).await;
    let token = fixture.token(&[]);
    let status = get(&fixture, &token).await.unwrap_err();
    refused(&status, Code::PermissionDenied, Common::ScopeMissing);
    let status = get(&fixture, &token).await.unwrap_err();
    refused(&status, Code::ResourceExhausted, Common::RateLimited);
    fixture.end().await;
}

#[tokio::test]
async fn without_a_token_a_caller_is_the_address_that_a_trusted_proxy_saw() {
    let fixture = Fixture::with(|config| {
        limit(config, 4);
        config.auth.enabled = false;
        config.rate_limit.trusted_proxies = 1;
    })
    .await;
    let from = async |forwarded: &str| {
        let mut request = Request::new(get_price_request("A-1"));
        if !forwarded.is_empty() {
            request.metadata_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        fixture.client().get_price(request).await.map(drop).map_err(Fault::answered)
    };
    // The last is the address of the connection.
    for address in ["192.0.2.1", "192.0.2.2", ""] {
        from(address).await.unwrap();
        assert!(from(address).await.unwrap_err().is(Common::RateLimited), "{address}");
    }
    // What the caller wrote itself stands further left.
    assert!(from("192.0.2.9, 192.0.2.1").await.unwrap_err().is(Common::RateLimited));
    fixture.end().await;
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let fixture = Fixture::with(|config| {
        limit(config, 1);
        config.rate_limit.enabled = false;
    })
    .await;
    for _ in 0..10 {
        let answer = fixture.get("A-1").await.unwrap();
        assert!(answer.metadata().get("ratelimit-limit").is_none());
    }
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_does_not_answer_fails_no_call() {
    let folder = testbed::folder().join("mesh-rate-limits");
    let redis = stack::Redis::spawn_private(&folder).await.unwrap();
    let url = redis.url();
    let fixture = Fixture::with(|config| config.redis.url = Some(url.into())).await;
    fixture.get("A-1").await.unwrap();
    redis.freeze().unwrap();
    let begun = Instant::now();
    // If each waited for Redis, they would take eight seconds.
    for n in 0..200 {
        let token = fixture.token_of(&n.to_string(), READ);
        get(&fixture, &token).await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let (_, page) = fixture.page("/metrics").await;
    assert!(page.contains("\nrate_limit_local 1\n"), "{page}");
    fixture.end().await;
}
