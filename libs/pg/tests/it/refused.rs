//! Events that the broker refused.

use crate::fixture::{Fixture, effect, execute, soon};
use pg::outbox::refused::{Due, Refused, Which, list, retry};
use std::time::Duration;
use uuid::Uuid;

/// Inserts rows of these keys; those with a pause in minutes were refused and are retried after it.
async fn insert(fixture: &Fixture, rows: &[(&str, Option<i64>)]) {
    for (key, pause) in rows {
        let pause = pause.map_or("null".into(), |pause| format!("interval '{pause} minutes'"));
        fixture
            .execute(&format!(
                "insert into outbox (id, subject, message, key, version, payload, headers,
                                     attempts, last_error, retry_at)
                 select gen_random_uuid(), 'pricing.price.updated', 'm', '{key}',
                        1 + (select count(*) from outbox where key = '{key}'), '\\x00112233', '{{}}',
                        case when pause is null then 0 else 3 end,
                        case when pause is not null then 'too large' end,
                        clock_timestamp() + pause
                 from (select {pause}::interval as pause) given"
            ))
            .await;
    }
}

async fn page(fixture: &Fixture, which: &Which, after: i64, limit: i64) -> Vec<Refused> {
    let read = fixture.db.read("test.list", async |tx| list(tx, which, after, limit).await);
    read.await.unwrap()
}

async fn due(fixture: &Fixture, which: &Which, dry_run: bool) -> Due {
    let done = fixture.db.write("test.retry", async |tx| retry(tx, which, 0, dry_run).await);
    done.await.unwrap()
}

/// Keys that the relay skips.
async fn blocked(fixture: &Fixture) -> Vec<String> {
    let select = "select key as text from outbox
               where published_at is null and retry_at > clock_timestamp() order by seq";
    fixture.texts(select).await
}

fn of(key: &str) -> Which {
    Which { key: Some(key.into()), ..Which::default() }
}

#[tokio::test]
async fn refused_events_are_listed_in_order_and_events_behind_them_are_not() {
    let fixture = Fixture::new().await;
    insert(&fixture, &[("a", Some(5)), ("a", None), ("b", None), ("c", Some(-1)), ("b", Some(1))])
        .await;
    let all = page(&fixture, &Which::default(), 0, 10).await;
    let seen: Vec<_> = all.iter().map(|event| (event.key.as_str(), event.version)).collect();
    assert_eq!(seen, [("a", 1), ("c", 1), ("b", 2)]);
    let first = &all[0];
    assert_eq!((first.error.as_str(), first.attempts, first.bytes), ("too large", 3, 4));
    assert!(first.retry_at > first.created_at && all[1].retry_at < all[1].created_at);

    let rest = page(&fixture, &Which::default(), first.seq, 1).await;
    assert_eq!((rest.len(), rest[0].id), (1, all[1].id));
    assert_eq!(page(&fixture, &of("b"), 0, 10).await[0].id, all[2].id);
    let one = Which { id: Some(all[1].id), ..Which::default() };
    assert_eq!(page(&fixture, &one, 0, 10).await[0].key, "c");
    assert!(page(&fixture, &Which { key: Some("a".into()), ..one }, 0, 10).await.is_empty());
}

#[tokio::test]
async fn a_retry_unblocks_only_the_selected_keys_and_wakes_the_relay() {
    let fixture = Fixture::new().await;
    insert(&fixture, &[("a", Some(5)), ("a", None), ("b", Some(5)), ("c", Some(5)), ("d", None)])
        .await;
    let everything = Which::default();
    assert_eq!(due(&fixture, &everything, true).await, Due { events: 3, next: None });
    assert_eq!(blocked(&fixture).await, ["a", "b", "c"]);
    let unknown = Which { id: Some(Uuid::now_v7()), ..Which::default() };
    assert_eq!(due(&fixture, &unknown, false).await.events, 0);
    assert_eq!(due(&fixture, &of("d"), false).await.events, 0, "it was never refused");
    let woken = tokio::time::timeout(Duration::from_millis(50), fixture.db.outbox_written());
    assert!(woken.await.is_err(), "nothing is due");

    assert_eq!(due(&fixture, &of("b"), false).await.events, 1);
    assert_eq!(blocked(&fixture).await, ["a", "c"]);
    soon("the relay is woken", fixture.db.outbox_written()).await;
    let first = page(&fixture, &everything, 0, 1).await;
    let one = Which { id: Some(first[0].id), ..Which::default() };
    assert_eq!(due(&fixture, &one, false).await.events, 1);
    assert_eq!(blocked(&fixture).await, ["c"]);
    assert_eq!(
        due(&fixture, &everything, false).await.events,
        3,
        "what is due already is no error"
    );
    assert!(blocked(&fixture).await.is_empty());
    // Until the broker accepts it, it counts as refused, with its attempts and error.
    let still = page(&fixture, &everything, 0, 10).await;
    assert_eq!(still.len(), 3);
    assert!(still.iter().all(|event| event.attempts == 3 && event.error == "too large"));
}

#[tokio::test]
async fn a_retry_of_one_refused_event_unblocks_its_key() {
    let fixture = Fixture::new().await;
    // An older event that was published again, and is refused now.
    insert(&fixture, &[("a", Some(5)), ("a", Some(-1)), ("a", None)]).await;
    let younger = page(&fixture, &of("a"), 0, 10).await[1].id;
    let one = Which { id: Some(younger), ..Which::default() };
    assert_eq!(due(&fixture, &one, false).await.events, 1);
    assert!(blocked(&fixture).await.is_empty());
}

#[tokio::test]
async fn a_retry_covers_all_pages() {
    let fixture = Fixture::new().await;
    fixture
        .execute(
            "insert into outbox (id, subject, message, key, version, payload, headers, retry_at)
             select gen_random_uuid(), 's', 'm', n::text, 1, '', '{}', now() + interval '5 minutes'
             from generate_series(1, 5001) n",
        )
        .await;
    let first = due(&fixture, &Which::default(), false).await;
    assert_eq!(first.events, 5_000);
    assert_eq!(blocked(&fixture).await, ["5001"]);
    let after = first.next.unwrap();
    let second =
        fixture.db.write("test.retry", async |tx| retry(tx, &Which::default(), after, false).await);
    assert_eq!(second.await.unwrap(), Due { events: 1, next: None });
    assert!(blocked(&fixture).await.is_empty());
}

#[tokio::test]
async fn events_that_the_relay_publishes_meanwhile_are_unchanged() {
    let fixture = Fixture::new().await;
    insert(&fixture, &[("a", Some(5)), ("b", Some(5))]).await;
    let (marked, go_on) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let relay = fixture.observer.write("test.mark", async |tx| {
        let mark = "update outbox set published_at = now(), retry_at = null where key = 'a'";
        execute(tx, mark).await?;
        effect(tx, "marked").await?;
        marked.notify_one();
        go_on.notified().await;
        Ok(())
    });
    let operator = async {
        marked.notified().await;
        let everything = Which::default();
        let retried = due(&fixture, &everything, false);
        let release = async {
            // The retry waits for the row lock of the relay.
            while fixture.waiting().await == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            go_on.notify_one();
        };
        tokio::join!(retried, release).0
    };
    let (marked, retried) = soon("both end", async { tokio::join!(relay, operator) }).await;
    marked.unwrap();
    assert_eq!(retried.events, 1);
    let published = "select count(*) from outbox where key = 'a' and retry_at is null";
    assert_eq!(fixture.count(published).await, 1);
    assert!(blocked(&fixture).await.is_empty());
}
