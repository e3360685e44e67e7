use crate::shop::{Count, Key, Shop, ago, event, item, money, product, record, types, usd};
use analytics::jobs::add_counts::add;
use analytics_api::v1::event_result::Outcome;
use analytics_api::v1::{EventType, TrackedEvent};
use chrono::TimeDelta;
use convert::timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A thousand events of all types, over two days, with sessions, customers, products, terms and pages that repeat.
fn thousand() -> Vec<TrackedEvent> {
    let all: Vec<EventType> = types().collect();
    let one = |number: usize| {
        let age = TimeDelta::hours(i64::try_from(number % 40).unwrap());
        let mut own = ago(all[number % 16], age);
        own.session_id = format!("visit-{}", number % 37);
        if !own.customer_id.is_empty() {
            own.customer_id = format!("customer-{}", number % 11);
        }
        if !own.product_id.is_empty() {
            own.product_id = product(1 + u128::try_from(number % 7).unwrap());
        }
        if own.total.is_some() {
            let minor = i64::try_from(number).unwrap();
            let currency = if number.is_multiple_of(3) { "EUR" } else { "USD" };
            own.total = money(currency, 3 * minor);
            own.items = vec![
                item("A", 1, 1, money(currency, minor)),
                item("B", 2, 2, None),
                item("C", 1, 3, money(currency, 2 * minor)),
            ];
        }
        if number.is_multiple_of(5) {
            own.search_term = format!("Lamp  {}", number % 4);
        }
        own
    };
    (0..1_000).map(one).collect()
}

/// What counters are to say, counted by another way than they are: event by event, for one day or all of them.
fn expected(events: &[TrackedEvent]) -> BTreeMap<Key, Count> {
    let mut sums: BTreeMap<Key, Count> = BTreeMap::new();
    let (mut visits, mut customers) = (BTreeSet::new(), BTreeSet::new());
    let mut add = |dimension: &str, value: &str, name: &str, currency: &str, count: Count| {
        let key = (dimension.into(), value.into(), name.into(), currency.into());
        let sum = sums.entry(key).or_default();
        *sum = (sum.0 + count.0, sum.1 + count.1, sum.2 + count.2);
    };
    for own in events {
        let name = own.event_type().as_str_name().trim_start_matches("EVENT_TYPE_").to_lowercase();
        let day = own.occurred_at.unwrap().seconds / 86_400;
        let currency = own.total.as_ref().map_or("", |total| &total.currency_code);
        let total = own.total.as_ref().map_or(0, |total| total.minor_units.unwrap());
        add("all", "", &name, currency, (1, 0, total));
        if !own.search_term.is_empty() {
            let term = own.search_term.to_lowercase().replace("  ", " ");
            add("term", &term, &name, "", (1, 0, 0));
        }
        if !own.page_path.is_empty() {
            add("page", &own.page_path, &name, "", (1, 0, 0));
        }
        if !own.product_id.is_empty() {
            add("product", &own.product_id, &name, "", (1, 0, 0));
            add("product", &own.product_id, "any", "", (1, 0, 0));
        }
        if own.total.is_some() {
            add("product", &product(1), &name, currency, (1, 4, total));
            add("product", &product(2), &name, currency, (1, 2, 0));
            add("product", &product(1), "any", "", (1, 4, 0));
            add("product", &product(2), "any", "", (1, 2, 0));
        }
        if visits.insert((day, own.session_id.clone(), "any".to_owned())) {
            add("session", "", "any", "", (1, 0, 0));
        }
        if visits.insert((day, own.session_id.clone(), name.clone())) {
            add("session", "", &name, "", (1, 0, 0));
        }
        if !own.customer_id.is_empty() && customers.insert((day, own.customer_id.clone())) {
            add("customer", "", "any", "", (1, 0, 0));
        }
    }
    sums
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_events_sent_three_times_at_once_to_two_replicas_count_once() {
    let shop = Shop::open().await;
    let replicas = [shop.app.clone(), shop.replica()];
    let events = thousand();
    let calls: Vec<_> = (0..3)
        .flat_map(|round| {
            events.chunks(125).enumerate().map(move |(chunk, own)| (round + chunk, own))
        })
        .map(|(number, own)| {
            let (app, mut own) = (replicas[number % 2].clone(), own.to_vec());
            // The same events in another order.
            own.rotate_left(number * 7 % 125);
            tokio::spawn(async move { record(&app, &own).await.unwrap() })
        })
        .collect();
    let (mut accepted, mut duplicates) = (0, 0);
    for call in calls {
        let answer = call.await.unwrap();
        assert_eq!(answer.refused, 0, "{:?}", answer.results);
        (accepted, duplicates) = (accepted + answer.accepted, duplicates + answer.duplicates);
    }
    assert_eq!((accepted, duplicates), (1_000, 2_000));
    assert_eq!(shop.count("select count(*) from counters").await, 0, "nothing is added yet");
    // Both add at once.
    let (one, other) = tokio::join!(add(&replicas[0]), add(&replicas[1]));
    assert!(one.is_ok() && other.is_ok());
    shop.add().await;

    let wanted = expected(&events);
    assert_eq!(shop.counters("day").await, wanted);
    let by_hour = |key: &Key| key.0 != "session" && key.0 != "customer";
    let hours: BTreeMap<Key, Count> = wanted
        .iter()
        .filter(|(key, _)| by_hour(key))
        .map(|(key, own)| (key.clone(), *own))
        .collect();
    assert_eq!(shop.counters("hour").await, hours);
    let minutes: BTreeMap<Key, Count> =
        hours.into_iter().filter(|(key, _)| key.0 == "all").collect();
    assert_eq!(shop.counters("minute").await, minutes);
    assert_eq!(shop.count("select count(*) from events").await, 1_000);
    assert_eq!(shop.count("select sum(events)::bigint as count from sessions").await, 1_000);
    drop(replicas);
    shop.close().await;
}

#[tokio::test]
async fn wrong_events_are_named_by_place_and_field_and_count_nothing() {
    let shop = Shop::open().await;
    let with = |event_type, change: fn(&mut TrackedEvent)| {
        let mut own = event(event_type);
        change(&mut own);
        own
    };
    let events = [
        with(EventType::Purchase, |own| own.total = usd(-1)),
        with(EventType::PageViewed, |own| own.event_type = 99),
        with(EventType::PageViewed, |own| own.event_id.clear()),
        with(EventType::OrderUpdated, |own| own.order_status = 99),
        event(EventType::PageViewed),
        ago(EventType::PageViewed, TimeDelta::minutes(-10)),
        ago(EventType::PageViewed, TimeDelta::days(91)),
    ];
    let answer = shop.record(&events).await.unwrap();
    assert_eq!((answer.accepted, answer.duplicates, answer.refused), (1, 0, 6));
    let told: Vec<(&str, &str)> = answer
        .results
        .iter()
        .map(|own| (own.reason.as_str(), own.fields.first().map_or("", String::as_str)))
        .collect();
    assert_eq!(
        told,
        [
            ("NEGATIVE_TOTAL", "events[0].total.minor_units"),
            ("INVALID_FIELD", "events[1].event_type"),
            ("INVALID_FIELD", "events[2].event_id"),
            ("INVALID_FIELD", "events[3].order_status"),
            ("", ""),
            ("EVENT_IN_FUTURE", "events[5].occurred_at"),
            ("EVENT_TOO_OLD", "events[6].occurred_at"),
        ]
    );
    assert_eq!(shop.count("select count(*) from events").await, 1);
    let sum = "select sum(events)::bigint as count from counters where dimension = 'all' and grain = 'day'";
    assert_eq!(shop.count(sum).await, 1);

    // They are kept, each once.
    shop.record(&events).await.unwrap();
    assert_eq!(shop.count("select count(*) from refused_events where times = 2").await, 6);
    let named = "select count(*) from refused_events
                 where reason = 'NEGATIVE_TOTAL' and fields = '{total.minor_units}' and body is not null";
    assert_eq!(shop.count(named).await, 1);
    shop.close().await;
}

#[tokio::test]
async fn a_failure_at_the_second_item_counts_nothing_and_the_retry_counts_once() {
    let shop = Shop::open().await;
    let mut order = event(EventType::Purchase);
    order.items = vec![item("A", 1, 1, None), item("B", 2, 1, None), item("C", 3, 1, None)];
    let events = [order, event(EventType::PageViewed)];
    shop.sql("alter table event_items add constraint no_second check (sku <> 'B')").await;
    shop.record(&events).await.unwrap_err();
    let tables = ["event_ids", "events", "event_items", "sessions", "active_customers"];
    for table in tables.into_iter().chain(["new_counts", "counters"]) {
        assert_eq!(shop.count(&format!("select count(*) from {table}")).await, 0, "{table}");
    }
    shop.sql("alter table event_items drop constraint no_second").await;
    for (accepted, duplicates) in [(2, 0), (0, 2)] {
        let answer = shop.record(&events).await.unwrap();
        assert_eq!((answer.accepted, answer.duplicates), (accepted, duplicates));
    }
    assert_eq!(shop.counters("day").await, {
        let mut wanted = BTreeMap::new();
        let mut add = |dimension: &str, value: &str, name: &str, currency: &str, count: Count| {
            wanted.insert((dimension.into(), value.into(), name.into(), currency.into()), count);
        };
        add("all", "", "purchase", "USD", (1, 0, 1_000));
        add("all", "", "page_viewed", "", (1, 0, 0));
        add("page", "/lamps", "page_viewed", "", (1, 0, 0));
        for number in 1..=3 {
            add("product", &product(number), "purchase", "USD", (1, 1, 0));
            add("product", &product(number), "any", "", (1, 1, 0));
        }
        for name in ["any", "purchase", "page_viewed"] {
            add("session", "", name, "", (1, 0, 0));
        }
        add("customer", "", "any", "", (1, 0, 0));
        wanted
    });
    shop.close().await;
}

#[tokio::test]
async fn the_same_id_is_the_same_event_on_another_day_and_within_a_call() {
    let shop = Shop::open().await;
    let first = event(EventType::CustomerLogin);
    let mut later = first.clone();
    later.occurred_at = Some(timestamp(chrono::Utc::now() - TimeDelta::days(3)));
    let answer = shop.record(&[first, later.clone()]).await.unwrap();
    let outcomes: Vec<Outcome> = answer.results.iter().map(|own| own.outcome()).collect();
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::Duplicate]);
    assert_eq!(shop.record(&[later]).await.unwrap().duplicates, 1);
    assert_eq!(shop.count("select count(*) from events").await, 1);
    shop.close().await;
}

#[tokio::test]
async fn a_late_event_corrects_the_buckets_of_its_time() {
    let shop = Shop::open().await;
    let late = ago(EventType::Purchase, TimeDelta::days(80));
    assert_eq!(shop.record(&[late]).await.unwrap().accepted, 1);
    let found = "select count(*) from counters where dimension = 'all' and grain in ('hour', 'day')
                 and bucket between now() - interval '82 days' and now() - interval '79 days' and events = 1";
    assert_eq!(shop.count(found).await, 2);
    assert_eq!(shop.counters("minute").await, BTreeMap::new(), "minutes of that day are gone");
    shop.close().await;
}
