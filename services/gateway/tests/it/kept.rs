//! Answers that are kept, and what ends them.

use crate::shop::Shop;
use http::{Method, StatusCode};
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};
use testkit::eventually;

const HIT: &str = "souk; hit";
const MISS: &str = "souk; fwd=miss";

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_price_and_stock_are_seen_through_both_gateways_at_once() {
    let shop = Shop::open().await;
    let id = shop.product("Lamp", "LAMP-1").await;
    shop.price("LAMP-1", 1_000, None).await;
    let warehouse = shop.warehouse("NORTH").await;
    shop.stock(&warehouse, "LAMP-1", 1_000).await;
    let second = shop.second().await;
    let bases = [shop.base(), second.base.clone()];
    let detail = format!("/api/v1/catalog/products/{id}?currencyCode=USD");
    let list = "/api/v1/catalog/products?currencyCode=USD".to_owned();
    let shown = |path: &str, answer: &Json| {
        let product = if path == detail { answer } else { &answer["products"][0] };
        (product["price"].clone(), product["stock"].clone())
    };
    for round in 1..=20 {
        // Both have kept what is over soon.
        for base in &bases {
            for path in [&detail, &list] {
                eventually("it is kept", async || {
                    (shop.get_at(base, path).await.1 == HIT).then_some(())
                })
                .await;
            }
        }
        // In each round one of the two changes, so that each ends answers by itself.
        let units = 1_000 + round / 2;
        if round % 2 == 0 {
            shop.stock(&warehouse, "LAMP-1", units).await;
        }
        let minor = 1_000 + (round + 1) / 2;
        if round % 2 == 1 {
            shop.price("LAMP-1", minor, None).await;
        }
        let changed = Instant::now();
        let expected = (json!(format!("10.{:02}", minor - 1_000)), json!(units.to_string()));
        for base in &bases {
            for path in [&detail, &list] {
                eventually("the change is shown", async || {
                    let (answer, _) = shop.get_at(base, path).await;
                    (shown(path, &answer) == expected).then_some(())
                })
                .await;
            }
        }
        let took = changed.elapsed();
        eprintln!("round {round}: seen after {took:?}");
        // Without the event it would be a minute.
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
    second.end().await;
    shop.mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_is_whole_shared_and_has_its_tag() {
    let shop = Shop::open().await;
    let id = shop.product("Lamp", "LAMP-1").await;
    shop.mesh.settle().await;
    let path = format!("/api/v1/catalog/products/{id}");
    let kept = eventually("it is kept", async || {
        let (answer, kept) = shop.get_at(&shop.base(), &path).await;
        (kept == HIT).then_some(answer)
    })
    .await;
    // The other process finds in Redis what it never made, once it hears of changes. Each try asks for another channel.
    let second = shop.second().await;
    let mut channel = 0;
    loop {
        channel += 1;
        assert!(channel < 500, "nothing is shared");
        let path = format!("{path}?channel={channel}");
        let first = shop.get_at(&shop.base(), &path).await.0;
        let (answer, how) = shop.get_at(&second.base, &path).await;
        assert_eq!(answer, first);
        assert_eq!(answer, kept);
        if how == HIT {
            break;
        }
    }
    second.end().await;

    let client = reqwest::Client::new();
    let ask = async |method: Method, tag: Option<&str>| {
        let url = format!("{}{path}", shop.base());
        let mut request = client.request(method, url).bearer_auth(shop.mesh.token());
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        request.send().await.unwrap()
    };
    let head = ask(Method::HEAD, None).await;
    let tag = head.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!((head.status(), head.text().await.unwrap()), (StatusCode::OK, String::new()));
    for has in [tag.clone(), format!("W/{tag}"), format!("\"0\", {tag}"), "*".to_owned()] {
        let unchanged = ask(Method::GET, Some(&has)).await;
        assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED, "{has}");
    }
    assert_eq!(ask(Method::GET, Some("\"0\"")).await.status(), StatusCode::OK);
    // What is refused is not kept.
    let missing = format!("/api/v1/catalog/products/{}", uuid::Uuid::now_v7());
    let refused = shop.ask(&shop.base(), Method::GET, &missing).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    assert!(refused.headers().get("cache-status").is_none());
    shop.mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_changes_are_not_heard_nothing_is_kept() {
    let mut shop = Shop::open().await;
    let id = shop.product("Lamp", "LAMP-1").await;
    let path = format!("/api/v1/catalog/products/{id}?currencyCode=USD");
    let until = async |shop: &Shop, wanted: &str| {
        eventually("it is kept, or not", async || {
            (shop.get_at(&shop.base(), &path).await.1 == wanted).then_some(())
        })
        .await;
    };
    until(&shop, HIT).await;
    shop.mesh.broker().kill().await.unwrap();
    until(&shop, "").await;
    shop.price("LAMP-1", 1_000, None).await;
    assert_eq!(shop.get_at(&shop.base(), &path).await.0["price"], "10.00");
    shop.mesh.broker().restart().await.unwrap();
    until(&shop, HIT).await;
    assert_eq!(shop.get_at(&shop.base(), &path).await.0["price"], "10.00");
    shop.mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_answers_are_right_and_kept_by_each_process() {
    let shop = Shop::with(|config| {
        config.server.http_listen = Some(([127, 0, 0, 1], 0).into());
        config.redis.url = Some("redis://127.0.0.1:1".to_owned().into());
    })
    .await;
    let id = shop.product("Lamp", "LAMP-1").await;
    let path = format!("/api/v1/catalog/products/{id}?currencyCode=USD");
    for minor in [1_000, 2_000, 3_000] {
        shop.price("LAMP-1", minor, None).await;
        let expected = format!("{}.00", minor / 100);
        eventually("the price is shown and kept", async || {
            let (answer, kept) = shop.get_at(&shop.base(), &path).await;
            (answer["price"] == expected && kept == HIT).then_some(())
        })
        .await;
    }
    assert_ne!(shop.get_at(&shop.base(), "/api/v1/catalog/brands").await.1, MISS, "not kept");
    shop.mesh.finish().await;
}
