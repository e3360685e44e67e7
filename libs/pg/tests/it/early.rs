//! Events that arrive before the thing that they are about.

use crate::fixture::{Fixture, effect, execute, number, refusal, soon};
use fault::Fault;
use futures::future::join_all;
use pg::early::{self, Early};
use pg::{Db, Tx};
use serde_json::json;
use uuid::Uuid;

fn event(awaited: &str) -> Early {
    Early {
        consumer: "search".into(),
        event_id: Uuid::now_v7(),
        awaited: awaited.into(),
        subject: "pricing.price.updated".into(),
        headers: json!({ "ce-id": "1" }),
        payload: vec![1, 2, 3],
    }
}

async fn keep(db: &Db, event: &Early) {
    let events = std::slice::from_ref(event);
    db.write("test.keep", async move |tx| early::keep(tx, events).await).await.unwrap();
}

async fn take(db: &Db, awaited: &str) -> Vec<Early> {
    let awaited = &[awaited.to_owned()];
    db.write("test.take", async move |tx| early::take(tx, awaited).await).await.unwrap()
}

fn ids(events: &[Early]) -> Vec<Uuid> {
    events.iter().map(|event| event.event_id).collect()
}

#[tokio::test]
async fn early_events_are_taken_once_and_in_order_of_arrival() {
    let fixture = Fixture::new().await;
    let mut events = [event("p1"), event("p1"), event("p1")];
    // Neither the order of ids nor the order of bytes is the order of arrival.
    events.reverse();
    for event in &events {
        keep(&fixture.db, event).await;
    }
    let other = event("p2");
    keep(&fixture.db, &other).await;
    let taken = take(&fixture.db, "p1").await;
    assert_eq!(ids(&taken), ids(&events));
    assert_eq!(taken[0].headers, json!({ "ce-id": "1" }));
    assert_eq!(taken[0].payload, [1, 2, 3]);
    assert_eq!(take(&fixture.db, "p1").await.len(), 0);
    assert_eq!(ids(&take(&fixture.db, "p2").await), [other.event_id]);
}

#[tokio::test]
async fn an_early_event_that_is_delivered_twice_is_kept_once() {
    let fixture = Fixture::new().await;
    let event = event("p1");
    keep(&fixture.db, &event).await;
    keep(&fixture.db, &event).await;
    assert_eq!(take(&fixture.db, "p1").await.len(), 1);
}

#[tokio::test]
async fn an_event_taken_by_failed_work_is_still_kept() {
    let fixture = Fixture::new().await;
    keep(&fixture.db, &event("p1")).await;
    let failed: Result<(), Fault> = fixture
        .db
        .write("test.fail", async |tx| {
            assert_eq!(early::take(tx, &["p1".to_owned()]).await?.len(), 1);
            Err(refusal())
        })
        .await;
    assert_eq!(failed.unwrap_err().reason(), refusal().reason());
    assert_eq!(take(&fixture.db, "p1").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_takes_get_each_event_once() {
    let fixture = Fixture::new().await;
    let events: Vec<Early> = (0..50).map(|_| event("p1")).collect();
    for event in &events {
        keep(&fixture.db, event).await;
    }
    let takes = (0..8).map(|_| {
        let db = fixture.db.clone();
        tokio::spawn(async move { take(&db, "p1").await })
    });
    let taken = soon("all have taken", join_all(takes)).await;
    let mut taken: Vec<Uuid> = taken.into_iter().flat_map(|taken| ids(&taken.unwrap())).collect();
    taken.sort_unstable();
    assert_eq!(taken, ids(&events));
}

/// The lock that both sides hold: the thing that arrives and the event that waits for it.
async fn lock(tx: &mut Tx, thing: &str) -> Result<(), Fault> {
    execute(tx, &format!("select pg_advisory_xact_lock(hashtext('{thing}'))")).await
}

async fn event_arrives(db: Db, event: Early) -> Result<(), Fault> {
    let event = &event;
    db.write("test.event", async move |tx| {
        lock(tx, &event.awaited).await?;
        let known = format!("select count(*) from things where key = '{}'", event.awaited);
        if number(tx, &known).await? == 0 {
            return early::keep(tx, std::slice::from_ref(event)).await;
        }
        effect(tx, &event.event_id.to_string()).await
    })
    .await
}

async fn thing_arrives(db: Db, thing: String) -> Result<(), Fault> {
    let thing = &thing;
    db.write("test.thing", async move |tx| {
        lock(tx, thing).await?;
        execute(tx, &format!("insert into things values ('{thing}')")).await?;
        for event in early::take(tx, std::slice::from_ref(thing)).await? {
            effect(tx, &event.event_id.to_string()).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_races_what_it_waits_for_has_one_effect() {
    let fixture = Fixture::new().await;
    fixture.execute("create table things (key text primary key)").await;
    let second = fixture.other(|_| {});
    let mut tasks = Vec::new();
    for round in 0..40 {
        let thing = format!("thing {round}");
        let event = event(&thing);
        // Neither side is always the first to start.
        let (one, other) = (fixture.db.clone(), second.clone());
        if round % 2 == 0 {
            tasks.push(tokio::spawn(event_arrives(one, event)));
            tasks.push(tokio::spawn(thing_arrives(other, thing)));
        } else {
            tasks.push(tokio::spawn(thing_arrives(one, thing)));
            tasks.push(tokio::spawn(event_arrives(other, event)));
        }
    }
    for task in soon("all are done", join_all(tasks)).await {
        task.unwrap().unwrap();
    }
    assert_eq!(fixture.count("select count(distinct key) from effects").await, 40);
    assert_eq!(fixture.effects().await, 40);
    assert_eq!(fixture.count("select count(*) from early").await, 0);
}
