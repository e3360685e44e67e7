//! Events that are to be published again.

use crate::world::{World, soon};
use chrono::{DateTime, TimeDelta, Utc};
use pg::outbox::{Events, Page, Place, republish};

/// Published rows of these ages in hours, oldest first, each with its own key.
async fn published(world: &World, ages: &[i64]) {
    for age in ages {
        world
            .execute(&format!(
                "insert into outbox (id, subject, message, key, version, payload, headers,
                                     created_at, published_at, published_seq)
                 values (gen_random_uuid(), 'pricing.price.updated', 'm', '{age}', 1, '', '{{}}',
                         now() - interval '{age} hours', now() - interval '{age} hours', 1)"
            ))
            .await;
    }
}

async fn page(world: &World, events: &Events, begin: Option<Place>, dry_run: bool) -> Page {
    let done =
        world.db.write("test.republish", async |tx| republish(tx, events, begin, dry_run).await);
    done.await.unwrap()
}

async fn waiting(world: &World) -> Vec<String> {
    world.texts("select key as text from outbox where published_at is null order by seq").await
}

fn hours_ago(hours: i64) -> Option<DateTime<Utc>> {
    Some(Utc::now() - TimeDelta::hours(hours) + TimeDelta::minutes(1))
}

#[tokio::test]
async fn the_rows_in_question_wait_for_the_relay_again_and_it_is_woken() {
    let world = World::new().await;
    // The first is older than 14 days: consumers may not know any more that they have handled it.
    published(&world, &[337, 335, 30, 20, 10]).await;
    let everything = Events::default();
    let dry = page(&world, &everything, None, true).await;
    assert_eq!((dry.events, dry.next), (4, None));
    assert!(waiting(&world).await.is_empty());

    let range = Events { from: hours_ago(31), to: hours_ago(21), ..Events::default() };
    let done = page(&world, &range, None, false).await;
    assert_eq!((done.events, done.next), (1, None));
    assert_eq!(waiting(&world).await, ["30"]);
    soon("the relay is woken", world.db.outbox_written()).await;
    let key = Events { key: Some("20".into()), ..Events::default() };
    assert_eq!(page(&world, &key, None, false).await.events, 1);
    let subject = Events { subject: Some("pricing.price.d".into()), ..Events::default() };
    assert_eq!(page(&world, &subject, None, false).await.events, 0);
    // What waits already is not counted again.
    let rest = page(&world, &everything, None, false).await;
    assert_eq!(rest.events, 2);
    assert!(rest.oldest < hours_ago(334) && rest.newest > hours_ago(11));
    assert_eq!(waiting(&world).await, ["335", "30", "20", "10"]);
}

#[tokio::test]
async fn a_long_outbox_is_done_page_by_page_in_its_order() {
    let world = World::new().await;
    world
        .execute(
            "insert into outbox (id, subject, message, key, version, payload, headers, published_at)
             select gen_random_uuid(), 's', 'm', case when n % 10000 = 0 then 'rare' else n::text end,
                    1, '', '{}', now()
             from generate_series(1, 60000) n",
        )
        .await;
    let (everything, mut begin, mut sizes) = (Events::default(), None, Vec::new());
    loop {
        let done = page(&world, &everything, begin, false).await;
        sizes.push(done.events);
        let after = done.next.map_or(i64::MAX, |place| place.after);
        let behind = format!(
            "select count(*) from outbox where (seq <= {after}) = (published_at is not null)"
        );
        assert_eq!(world.count(&behind).await, 0, "all up to the page's end and none behind it");
        begin = done.next;
        if begin.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [[5_000; 12].as_slice(), &[0]].concat());

    // A page ends too where little is found.
    world.execute("update outbox set published_at = now()").await;
    let rare = Events { key: Some("rare".into()), ..Events::default() };
    let first = page(&world, &rare, None, false).await;
    let second = page(&world, &rare, first.next, false).await;
    assert_eq!((first.events, second.events, second.next), (5, 1, None));
}

const LOST: &str = "
    insert into relay_state (stream, stream_created, acked_seq, lost_at, lost_how, losses)
    values ('S', now(), 1, now() - interval '1 hour', 'anew', 1)
    on conflict (stream) do update set lost_at = excluded.lost_at";

#[tokio::test]
async fn a_loss_is_made_good_by_all_that_the_broker_held_and_by_nothing_less() {
    let world = World::new().await;
    published(&world, &[200, 160, 20]).await;
    world.execute(LOST).await;
    let lost = async || world.count("select count(lost_at) from relay_state").await == 1;
    let all = Events::default();
    page(&world, &all, None, true).await;
    for less in [
        Events { key: Some("20".into()), ..Events::default() },
        Events { subject: Some("pricing".into()), ..Events::default() },
        Events { from: hours_ago(100), ..Events::default() },
        Events { to: hours_ago(100), ..Events::default() },
    ] {
        page(&world, &less, None, false).await;
        assert!(lost().await, "{less:?}");
        world.execute("update outbox set published_at = created_at").await;
    }
    // The first row had left the stream before.
    let enough = Events { from: hours_ago(180), ..Events::default() };
    page(&world, &enough, None, false).await;
    assert!(!lost().await);

    // What was lost after the first page was perhaps that page.
    world.execute(LOST).await;
    let begun = Place { after: 0, losses: 0 };
    page(&world, &all, Some(begun), false).await;
    assert!(lost().await);
    page(&world, &all, None, false).await;
    assert!(!lost().await);
}
