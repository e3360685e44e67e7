//! How an operator handles events that the broker refuses.

use crate::project::Project;
use crate::shop::{self, handled, one, same_in_search, settled};
use async_nats::jetstream::Context;
use bus::Envelope;
use serde_json::Value;
use std::collections::BTreeMap;
use testkit::eventually;

/// Two prices, each changed twice while the broker refuses them.
const PRICES: i64 = 2;

/// Delays the next attempt beyond the end of this test, as after many refusals; only while no attempt is in progress.
const PAUSE: &str = "
    update outbox set retry_at = now() + interval '5 minutes'
    where published_at is null and retry_at > now() + interval '500 milliseconds'";

const WAITING: &str = "select count(*) from outbox where published_at is null";

#[tokio::test(flavor = "multi_thread")]
async fn refused_events_are_explained_and_published_in_order_after_the_fix() {
    let project = Project::new("refused");
    project.run(&["dev", "up"]);
    let (pricing, search) = (project.database("pricing").await, project.database("search").await);
    let js = project.jetstream().await;
    shop::fill(&project, PRICES);
    let list = ["outbox", "refused", "list", "--service", "pricing"];
    let retry = ["outbox", "refused", "retry", "--service", "pricing"];
    assert_eq!(project.run(&list), "");

    let usual = limit(&js, 200).await;
    for amount in [10_000, 20_000] {
        shop::write_prices(&project, PRICES, amount);
        project.run(&["import", "prices", "prices.jsonl"]);
    }
    project.wait_for_metric("outbox_refused{service=\"pricing\"} 2").await;
    let listed = project.run(&list);
    eprint!("{listed}");
    assert_eq!(listed.lines().count(), 5, "a head, and two lines for each:\n{listed}");
    assert!(listed.contains("pricing.price.updated"), "{listed}");
    assert!(listed.contains("message size exceeds maximum allowed"), "{listed}");
    let json = project.run(&[list.as_slice(), &["--json"]].concat());
    let events: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((events.len(), &events[0]["version"]), (2, &Value::from("1")));
    let [event, key] = ["eventId", "key"].map(|name| events[0][name].as_str().unwrap());
    assert_eq!(project.run(&[list.as_slice(), &["--key", key]].concat()).lines().count(), 3);

    eventually("the next attempt is delayed", async || {
        (pricing.execute(PAUSE, &[]).await.unwrap() == 2).then_some(())
    })
    .await;
    limit(&js, usual).await;
    let dry = project.run(&[retry.as_slice(), &["--dry-run"]].concat());
    assert_eq!(dry, "2 refused events would be tried again (dry run)\n");
    assert_eq!(one(&pricing, WAITING).await, 4, "nothing has been tried");
    let done = project.run(&[retry.as_slice(), &["--event", event]].concat());
    assert_eq!(done, "1 refused events are tried again\n");
    eventually("its key is unblocked", async || (one(&pricing, WAITING).await == 2).then_some(()))
        .await;
    assert_eq!(project.run(&list).lines().count(), 3, "the other one waits");
    assert_eq!(project.run(&retry), "1 refused events are tried again\n");
    settled(&pricing).await;

    let published = published(&js).await;
    assert_eq!(published.len(), 2, "{published:?}");
    assert!(published.values().all(|versions| versions == &[1, 2]), "{published:?}");
    handled(&pricing, &search, "search-from-pricing").await;
    same_in_search(&project, &pricing).await;
    assert_eq!(project.run(&list), "");
    project.wait_for_metric("outbox_refused{service=\"pricing\"} 0").await;

    let code = |arguments: &[&str]| project.souk(arguments).output().unwrap().status.code();
    assert_eq!(code(&["outbox", "refused", "retry", "--service", "unknown"]), Some(1));
    assert_eq!(code(&["outbox", "refused", "retry"]), Some(2), "the service is missing");
    let log = std::fs::read_to_string(project.path().join(".souk/dev/log/all.log")).unwrap();
    let audited = log.lines().filter(|line| line.contains("an operator had refused events tried"));
    assert_eq!(audited.count(), 2, "a dry run changes nothing");
}

/// Sets the largest message size of pricing's stream directly at the broker; returns the previous value.
async fn limit(js: &Context, bytes: i32) -> i32 {
    let stream = eventually("pricing has its stream", async || js.get_stream("PRICING").await.ok());
    let mut config = stream.await.cached_info().config.clone();
    let before = std::mem::replace(&mut config.max_message_size, bytes);
    js.update_stream(config).await.unwrap();
    before
}

/// Versions of each price in the order in which they were published.
async fn published(js: &Context) -> BTreeMap<String, Vec<i64>> {
    let stream = js.get_stream("PRICING").await.unwrap();
    let mut versions: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for position in 1..=stream.cached_info().state.last_sequence {
        let message = stream.get_raw_message(position).await.unwrap();
        let envelope = Envelope::read(&message.subject, &message.headers).unwrap();
        versions.entry(envelope.key).or_default().push(envelope.version);
    }
    versions
}
