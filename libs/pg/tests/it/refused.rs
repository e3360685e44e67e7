//! Events that the broker refused.

use crate::world::{World, effect, execute, soon};
use pg::outbox::refused::{Due, Refused, Which, list, retry};
use std::time::Duration;
use uuid::Uuid;

/// Rows of these keys, of which those with a pause in minutes were refused and wait for so long.
async fn said(world: &World, rows: &[(&str, Option<i64>)]) {
    for (key, pause) in rows {
        let pause = pause.map_or("null".into(), |pause| format!("interval '{pause} minutes'"));
        world
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

async fn page(world: &World, which: &Which, after: i64, limit: i64) -> Vec<Refused> {
    let read = world.db.read("test.list", async |tx| list(tx, which, after, limit).await);
    read.await.unwrap()
}

async fn due(world: &World, which: &Which, dry_run: bool) -> Due {
    let done = world.db.write("test.retry", async |tx| retry(tx, which, 0, dry_run).await);
    done.await.unwrap()
}

/// Keys that the relay leaves out.
async fn blocked(world: &World) -> Vec<String> {
    let ask = "select key as text from outbox
               where published_at is null and retry_at > clock_timestamp() order by seq";
    world.texts(ask).await
}

fn of(key: &str) -> Which {
    Which { key: Some(key.into()), ..Which::default() }
}

#[tokio::test]
async fn refused_events_are_listed_in_their_order_and_what_waits_behind_them_is_not() {
    let world = World::new().await;
    said(&world, &[("a", Some(5)), ("a", None), ("b", None), ("c", Some(-1)), ("b", Some(1))])
        .await;
    let all = page(&world, &Which::default(), 0, 10).await;
    let seen: Vec<_> = all.iter().map(|event| (event.key.as_str(), event.version)).collect();
    assert_eq!(seen, [("a", 1), ("c", 1), ("b", 2)]);
    let first = &all[0];
    assert_eq!((first.error.as_str(), first.attempts, first.bytes), ("too large", 3, 4));
    assert!(first.retry_at > first.created_at && all[1].retry_at < all[1].created_at);

    let rest = page(&world, &Which::default(), first.seq, 1).await;
    assert_eq!((rest.len(), rest[0].id), (1, all[1].id));
    assert_eq!(page(&world, &of("b"), 0, 10).await[0].id, all[2].id);
    let one = Which { id: Some(all[1].id), ..Which::default() };
    assert_eq!(page(&world, &one, 0, 10).await[0].key, "c");
    assert!(page(&world, &Which { key: Some("a".into()), ..one }, 0, 10).await.is_empty());
}

#[tokio::test]
async fn a_retry_frees_the_keys_in_question_and_no_other_and_wakes_the_relay() {
    let world = World::new().await;
    said(&world, &[("a", Some(5)), ("a", None), ("b", Some(5)), ("c", Some(5)), ("d", None)]).await;
    let everything = Which::default();
    assert_eq!(due(&world, &everything, true).await, Due { events: 3, next: None });
    assert_eq!(blocked(&world).await, ["a", "b", "c"]);
    let unheard = Which { id: Some(Uuid::now_v7()), ..Which::default() };
    assert_eq!(due(&world, &unheard, false).await.events, 0);
    assert_eq!(due(&world, &of("d"), false).await.events, 0, "it was never refused");
    let woken = tokio::time::timeout(Duration::from_millis(50), world.db.outbox_written());
    assert!(woken.await.is_err(), "nothing is due");

    assert_eq!(due(&world, &of("b"), false).await.events, 1);
    assert_eq!(blocked(&world).await, ["a", "c"]);
    soon("the relay is woken", world.db.outbox_written()).await;
    let first = page(&world, &everything, 0, 1).await;
    let one = Which { id: Some(first[0].id), ..Which::default() };
    assert_eq!(due(&world, &one, false).await.events, 1);
    assert_eq!(blocked(&world).await, ["c"]);
    assert_eq!(due(&world, &everything, false).await.events, 3, "what is due already is no error");
    assert!(blocked(&world).await.is_empty());
    // Until the broker takes it, it counts as refused, and nothing is forgotten of what happened.
    let still = page(&world, &everything, 0, 10).await;
    assert_eq!(still.len(), 3);
    assert!(still.iter().all(|event| event.attempts == 3 && event.error == "too large"));
}

#[tokio::test]
async fn a_key_of_which_several_events_were_refused_is_free_when_one_of_them_is_meant() {
    let world = World::new().await;
    // An older event that was published again, and is refused now.
    said(&world, &[("a", Some(5)), ("a", Some(-1)), ("a", None)]).await;
    let younger = page(&world, &of("a"), 0, 10).await[1].id;
    let one = Which { id: Some(younger), ..Which::default() };
    assert_eq!(due(&world, &one, false).await.events, 1);
    assert!(blocked(&world).await.is_empty());
}

#[tokio::test]
async fn a_retry_goes_through_all_pages() {
    let world = World::new().await;
    world
        .execute(
            "insert into outbox (id, subject, message, key, version, payload, headers, retry_at)
             select gen_random_uuid(), 's', 'm', n::text, 1, '', '{}', now() + interval '5 minutes'
             from generate_series(1, 5001) n",
        )
        .await;
    let first = due(&world, &Which::default(), false).await;
    assert_eq!(first.events, 5_000);
    assert_eq!(blocked(&world).await, ["5001"]);
    let after = first.next.unwrap();
    let second =
        world.db.write("test.retry", async |tx| retry(tx, &Which::default(), after, false).await);
    assert_eq!(second.await.unwrap(), Due { events: 1, next: None });
    assert!(blocked(&world).await.is_empty());
}

#[tokio::test]
async fn what_the_relay_publishes_meanwhile_is_left_alone() {
    let world = World::new().await;
    said(&world, &[("a", Some(5)), ("b", Some(5))]).await;
    let (marked, go_on) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let relay = world.observer.write("test.mark", async |tx| {
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
        let retried = due(&world, &everything, false);
        let release = async {
            // It waits for the relay's row.
            while world.waiting().await == 0 {
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
    assert_eq!(world.count(published).await, 1);
    assert!(blocked(&world).await.is_empty());
}
