//! `/metrics` of a real process in known situations.

use crate::project::Project;
use crate::shop::{self, handled, settled};
use nix::sys::signal::{Signal, kill};
use std::time::Instant;
use testkit::eventually;

const CONSUMER: &str = "search-from-pricing";

/// A series of the consumer under test, optionally with further labels.
fn of(name: &str, labels: &str) -> String {
    format!("{name}{{consumer=\"{CONSUMER}\"{labels}}}")
}

/// Events of prices by outcome.
fn events(outcome: &str) -> String {
    let labels = format!(",subject=\"pricing.price.updated\",outcome=\"{outcome}\"");
    of("consumer_events_total", &labels)
}

async fn shows(project: &Project, series: &str, value: f64) {
    eventually(&format!("{series} is {value}"), async || {
        (project.metric(series) == value).then_some(())
    })
    .await;
}

/// How many of the values that a histogram counted are above one of its bounds.
fn above(project: &Project, name: &str, label: &str, bound: &str) -> f64 {
    let all = project.metric(&format!("{name}_count{{{label}}}"));
    all - project.metric(&format!("{name}_bucket{{{label},le=\"{bound}\"}}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_events_lag_and_duplicates_of_a_consumer_are_measured() {
    let project = Project::new("consumer");
    project.run(&["dev", "up"]);
    let (pricing, search) = (project.database("pricing").await, project.database("search").await);
    shop::fill(&project, 3);
    let set_prices = async |lowest| {
        shop::write_prices(&project, 3, lowest);
        project.run(&["import", "prices", "prices.jsonl"]);
        settled(&pricing).await;
    };
    set_prices(10_000).await;
    handled(&pricing, &search, CONSUMER).await;
    shows(&project, &events("applied"), 3.0).await;
    shows(&project, &of("event_e2e_lag_seconds_count", ""), 3.0).await;

    // A lock on the inbox blocks every claim, and with it the consumer.
    let late =
        || above(&project, "event_e2e_lag_seconds", &format!("consumer=\"{CONSUMER}\""), "2.5");
    let slow = || above(&project, "consumer_dedupe_seconds", "service=\"search\"", "1");
    let (late_before, slow_before) = (late(), slow());
    let held = Instant::now();
    search.batch_execute("begin; lock table inbox in access exclusive mode").await.unwrap();
    set_prices(20_000).await;
    shows(&project, &of("consumer_pending", ""), 3.0).await;
    let oldest = of("consumer_oldest_age_seconds", "");
    let age = eventually("the oldest event is three seconds old", async || {
        Some(project.metric(&oldest)).filter(|age| *age >= 3.0)
    })
    .await;
    assert!(age <= held.elapsed().as_secs_f64(), "{age}");
    search.batch_execute("commit").await.unwrap();
    shows(&project, &events("applied"), 6.0).await;
    shows(&project, &of("consumer_pending", ""), 0.0).await;
    shows(&project, &oldest, 0.0).await;
    assert_eq!((late() - late_before, project.metric(&events("duplicate"))), (3.0, 0.0));
    assert!(slow() > slow_before, "a claim that waited for three seconds");
    let handler =
        of("consumer_handler_seconds_count", ",subject=\"pricing.price.updated\",outcome=\"done\"");
    assert!(project.metric(&handler) >= 6.0);

    // A broker that has lost the position of the consumer delivers everything again.
    let claims = "consumer_dedupe_seconds_count{service=\"search\"}";
    let claims_before = project.metric(claims);
    let stream = project.jetstream().await.get_stream("PRICING").await.unwrap();
    stream.delete_consumer(CONSUMER).await.unwrap();
    shows(&project, &events("duplicate"), 6.0).await;
    assert_eq!(project.metric(&events("applied")), 6.0);
    assert!(project.metric(claims) > claims_before);
}

/// Four undecodable events, and two of an unknown type.
const POISON: &str = "
    insert into outbox (id, subject, message, key, version, payload, headers)
    select gen_random_uuid(), subject, 'souk.pricing.v1.Some', key || n, 1, '\\xffff', '{}'
    from (values ('pricing.price.updated', 'garbled-', 4), ('pricing.price.unknown', 'new-', 2))
           as poison (subject, key, count),
         generate_series(1, count) n";

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_and_their_outcomes_are_measured() {
    let project = Project::new("dead-letters");
    project.run(&["dev", "up"]);
    project.database("pricing").await.batch_execute(POISON).await.unwrap();
    let (dead, parked) =
        ("dead_letters{service=\"search\"}", "dead_letters_parked{service=\"search\"}");
    shows(&project, parked, 2.0).await;
    shows(&project, dead, 4.0).await;
    let by_reason =
        |name: &str, reason: &str| project.metric(&of(name, &format!(",reason=\"{reason}\"")));
    assert_eq!(by_reason("dead_letters_posted_total", "UNDECODABLE"), 4.0);
    assert_eq!(by_reason("dead_letters_posted_total", "UNKNOWN_TYPE"), 2.0);
    assert_eq!(project.metric(&events("dead")), 4.0);
    let unknown = of("consumer_events_total", ",subject=\"unknown\",outcome=\"dead\"");
    assert_eq!(project.metric(&unknown), 2.0);

    let some = ["--service", "search", "--reason", "UNDECODABLE"];
    let replay = project.souk(&[["dead", "replay"].as_slice(), &some].concat()).output().unwrap();
    assert_eq!(replay.status.code(), Some(1), "they fail again");
    assert_eq!(by_reason("dead_letters_replay_failures_total", "UNDECODABLE"), 4.0);
    shows(&project, dead, 4.0).await;
    let discard = ["dead", "discard", "--service", "search", "--key", "garbled-1"];
    assert_eq!(project.run(&discard), "1 dead letters discarded\n");
    assert_eq!(project.metric(&of("dead_letters_discarded_total", "")), 1.0);
    shows(&project, dead, 3.0).await;
    assert_eq!(project.metric(parked), 2.0);
}

/// Events of prices, each of a key of its own, that were committed an hour ago.
const OLD: &str = "
    insert into outbox (id, subject, message, key, version, payload, headers, created_at)
    select gen_random_uuid(), 'pricing.price.updated', 'souk.pricing.v1.PriceUpdated', 'old-' || n, 1, '\\xffff',
           '{}', clock_timestamp() - interval '1 hour'
    from generate_series(1, 5) n";

/// Two events of another service, and one behind one of them in its key.
const REFUSED: &str = "
    insert into outbox (id, subject, message, key, version, payload, headers)
    values (gen_random_uuid(), 'catalog.product.created', 'souk.catalog.v1.ProductCreated', 'a', 1, '\\xffff', '{}'),
           (gen_random_uuid(), 'catalog.product.created', 'souk.catalog.v1.ProductCreated', 'b', 1, '\\xffff', '{}'),
           (gen_random_uuid(), 'pricing.price.updated', 'souk.pricing.v1.PriceUpdated', 'a', 2, '\\xffff', '{}')";

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_an_outbox_is_measured() {
    let project = Project::new("outbox");
    project.run(&["dev", "up"]);
    let pricing = project.database("pricing").await;
    let of_pricing = |name: &str| format!("{name}{{service=\"pricing\"}}");
    let [pending, oldest, refused, stalled, lost] = [
        "outbox_pending",
        "outbox_oldest_age_seconds",
        "outbox_refused",
        "outbox_stalled",
        "outbox_broker_lost",
    ]
    .map(of_pricing);
    project.wait_for_metric(&format!("{pending} 0")).await;
    project.wait_for_metric(&format!("{stalled} 0")).await;

    let broker = project.broker().await;
    kill(broker, Signal::SIGSTOP).unwrap();
    let begun = Instant::now();
    pricing.batch_execute(OLD).await.unwrap();
    shows(&project, &stalled, 1.0).await;
    shows(&project, &pending, 5.0).await;
    let age = project.metric(&oldest);
    assert!((3600.0..=3600.0 + begun.elapsed().as_secs_f64()).contains(&age), "{age}");
    assert_eq!(project.metric("outbox_pending{service=\"catalog\"}"), 0.0);
    kill(broker, Signal::SIGCONT).unwrap();
    for gauge in [&stalled, &pending, &oldest] {
        shows(&project, gauge, 0.0).await;
    }

    pricing.batch_execute(REFUSED).await.unwrap();
    shows(&project, &refused, 2.0).await;
    shows(&project, &pending, 3.0).await;
    assert!(project.metric(&of_pricing("outbox_publish_failures_total")) >= 2.0);
    assert!(project.metric(&oldest) > 0.0);
    assert_eq!(project.metric(&stalled), 0.0, "other keys are published");
    pricing.batch_execute("delete from outbox where subject like 'catalog.%'").await.unwrap();
    for gauge in [&refused, &pending, &oldest] {
        shows(&project, gauge, 0.0).await;
    }

    assert_eq!(project.metric(&lost), 0.0);
    project.jetstream().await.delete_stream("PRICING").await.unwrap();
    shows(&project, &lost, 1.0).await;
    assert_eq!(project.metric(&of_pricing("outbox_broker_loss_total")), 1.0);
    project.run(&["outbox", "republish", "--service", "pricing"]);
    shows(&project, &lost, 0.0).await;
}
