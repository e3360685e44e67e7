//! Republishing events.

use crate::fixture::{Fixture, soon};
use chrono::{DateTime, TimeDelta, Utc};
use pg::outbox::{Events, Page, Place, republish};

/// Inserts published rows of these ages in hours, oldest first, each with its own key.
async fn insert_published(fixture: &Fixture, ages: &[i64]) {
    for age in ages {
        fixture
            .execute(&format!(
                "insert into outbox (id, subject, message, key, version, payload, headers,
                                     created_at, published_at, published_seq)
                 values (gen_random_uuid(), 'pricing.price.updated', 'm', '{age}', 1, '', '{{}}',
                         now() - interval '{age} hours', now() - interval '{age} hours', 1)"
            ))
            .await;
    }
}

async fn page(fixture: &Fixture, events: &Events, begin: Option<Place>, dry_run: bool) -> Page {
    let done =
        fixture.db.write("test.republish", async |tx| republish(tx, events, begin, dry_run).await);
    done.await.unwrap()
}

async fn waiting(fixture: &Fixture) -> Vec<String> {
    fixture.texts("select key as text from outbox where published_at is null order by seq").await
}

fn hours_ago(hours: i64) -> Option<DateTime<Utc>> {
    Some(Utc::now() - TimeDelta::hours(hours) + TimeDelta::minutes(1))
}

#[tokio::test]
async fn selected_rows_become_unpublished_and_the_relay_is_woken() {
    let fixture = Fixture::new().await;
    // The first is older than 14 days: consumers may have dropped their claims of it.
    insert_published(&fixture, &[337, 335, 30, 20, 10]).await;
    let everything = Events::default();
    let dry = page(&fixture, &everything, None, true).await;
    assert_eq!((dry.events, dry.next), (4, None));
    assert!(waiting(&fixture).await.is_empty());

    let range = Events { from: hours_ago(31), to: hours_ago(21), ..Events::default() };
    let done = page(&fixture, &range, None, false).await;
    assert_eq!((done.events, done.next), (1, None));
    assert_eq!(waiting(&fixture).await, ["30"]);
    soon("the relay is woken", fixture.db.outbox_written()).await;
    let key = Events { key: Some("20".into()), ..Events::default() };
    assert_eq!(page(&fixture, &key, None, false).await.events, 1);
    let subject = Events { subject: Some("pricing.price.d".into()), ..Events::default() };
    assert_eq!(page(&fixture, &subject, None, false).await.events, 0);
    // Rows that are unpublished already are not counted again.
    let rest = page(&fixture, &everything, None, false).await;
    assert_eq!(rest.events, 2);
    assert!(rest.oldest < hours_ago(334) && rest.newest > hours_ago(11));
    assert_eq!(waiting(&fixture).await, ["335", "30", "20", "10"]);
}

#[tokio::test]
async fn a_long_outbox_is_republished_page_by_page_in_order() {
    let fixture = Fixture::new().await;
    fixture
        .execute(
            "insert into outbox (id, subject, message, key, version, payload, headers, published_at)
             select gen_random_uuid(), 's', 'm', case when n % 10000 = 0 then 'rare' else n::text end,
                    1, '', '{}', now()
             from generate_series(1, 60000) n",
        )
        .await;
    let (everything, mut begin, mut sizes) = (Events::default(), None, Vec::new());
    loop {
        let done = page(&fixture, &everything, begin, false).await;
        sizes.push(done.events);
        let after = done.next.map_or(i64::MAX, |place| place.after);
        let behind = format!(
            "select count(*) from outbox where (seq <= {after}) = (published_at is not null)"
        );
        assert_eq!(fixture.count(&behind).await, 0, "all up to the page's end and none behind it");
        begin = done.next;
        if begin.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [[5_000; 12].as_slice(), &[0]].concat());

    // A page also ends after a maximal number of scanned rows.
    fixture.execute("update outbox set published_at = now()").await;
    let rare = Events { key: Some("rare".into()), ..Events::default() };
    let first = page(&fixture, &rare, None, false).await;
    let second = page(&fixture, &rare, first.next, false).await;
    assert_eq!((first.events, second.events, second.next), (5, 1, None));
}

const LOST: &str = "
    insert into relay_state (stream, stream_created, acked_seq, lost_at, lost_how, losses)
    values ('S', now(), 1, now() - interval '1 hour', 'anew', 1)
    on conflict (stream) do update set lost_at = excluded.lost_at";

#[tokio::test]
async fn a_loss_is_made_good_by_all_that_the_broker_held_and_by_nothing_less() {
    let fixture = Fixture::new().await;
    insert_published(&fixture, &[200, 160, 20]).await;
    fixture.execute(LOST).await;
    let lost = async || fixture.count("select count(lost_at) from relay_state").await == 1;
    let all = Events::default();
    page(&fixture, &all, None, true).await;
    for less in [
        Events { key: Some("20".into()), ..Events::default() },
        Events { subject: Some("pricing".into()), ..Events::default() },
        Events { from: hours_ago(100), ..Events::default() },
        Events { to: hours_ago(100), ..Events::default() },
    ] {
        page(&fixture, &less, None, false).await;
        assert!(lost().await, "{less:?}");
        fixture.execute("update outbox set published_at = created_at").await;
    }
    // The first row had expired from the stream before.
    let enough = Events { from: hours_ago(180), ..Events::default() };
    page(&fixture, &enough, None, false).await;
    assert!(!lost().await);

    // A loss after the first page may have hit that page.
    fixture.execute(LOST).await;
    let begun = Place { after: 0, losses: 0 };
    page(&fixture, &all, Some(begun), false).await;
    assert!(lost().await);
    page(&fixture, &all, None, false).await;
    assert!(!lost().await);
}
