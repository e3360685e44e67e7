//! Heads of aggregates and of copies: what comparisons with an owner rest on.

use crate::fixture::{Fixture, fact, refusal};
use contracts::{Aggregate, Fact};
use fault::Fault;
use futures::future::join_all;
use pg::heads::{self, AggregateHead, Which};
use pg::projections::{self, ProjectionHead};
use pg::{Db, outbox};
use pricing_api::v1::Price;
use std::collections::BTreeSet;
use uuid::Uuid;

async fn append(db: &Db, facts: Vec<Fact>) -> Result<(), Fault> {
    let facts = &facts;
    db.write("test.append", async |tx| outbox::append(tx, facts.iter().cloned()).await).await
}

async fn heads(db: &Db) -> Vec<AggregateHead> {
    let all = Which::After { key: "", limit: 100 };
    db.read("test.heads", async |tx| heads::list(tx, Price::FAMILY, all).await).await.unwrap()
}

#[tokio::test]
async fn the_head_of_an_aggregate_is_that_of_its_newest_event_and_is_committed_with_it() {
    let fixture = Fixture::new().await;
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    append(&fixture.db, vec![fact(one, 1), fact(other, 4), fact(one, 2)]).await.unwrap();
    let undone: Result<(), Fault> = fixture
        .db
        .write("test.undone", async |tx| {
            outbox::append(tx, [fact(one, 3)]).await?;
            Err(refusal())
        })
        .await;
    undone.unwrap_err();

    let found = heads(&fixture.db).await;
    let found: Vec<_> = found.iter().map(|head| (head.key.clone(), head.version)).collect();
    assert_eq!(found, [(one.to_string(), 2), (other.to_string(), 4)]);
    let newest = fact(one, 2);
    assert_eq!(heads(&fixture.db).await[0].digest, newest.digest.map(|digest| digest.to_vec()));
}

/// Publishing again rewrites the head with the same version, and an older event never does.
#[tokio::test]
async fn of_concurrent_events_the_newest_is_the_head() {
    let fixture = Fixture::new().await;
    let id = Uuid::now_v7();
    let appends = (1..=20).map(|version| append(&fixture.db, vec![fact(id, version)]));
    for done in join_all(appends).await {
        done.unwrap();
    }
    append(&fixture.db, vec![fact(id, 7)]).await.unwrap();
    let found = heads(&fixture.db).await;
    assert_eq!((found.len(), found[0].version), (1, 20));
}

#[tokio::test]
async fn one_process_at_a_time_decides_about_a_copy() {
    let fixture = Fixture::new().await;
    let other = fixture.other(|_| ());
    let family = Price::FAMILY;
    // Each reads the version under the lock and takes the next one: none is taken twice.
    let next = async |db: &Db| {
        db.write("test.project", async |tx| {
            let known = projections::lock_all(tx, family, &BTreeSet::from(["k"])).await?;
            let version = known.get("k").copied().unwrap_or_default() + 1;
            let head = ProjectionHead { key: "k".into(), version, digest: Some(vec![0; 32]) };
            projections::record_all(tx, family, [head]).await
        })
        .await
        .unwrap();
    };
    join_all((0..20).map(|at| next(if at % 2 == 0 { &fixture.db } else { &other }))).await;
    let list = async |db: &Db| {
        db.read("test.list", async |tx| projections::list(tx, family, "", 10).await).await.unwrap()
    };
    assert_eq!(list(&fixture.db).await[0].version, 20);

    let change = async |version: i64| {
        let wrong = [("k".to_owned(), version)];
        let wrong = &wrong;
        let reset = async |tx: &mut pg::Tx| projections::reset_versions(tx, family, wrong).await;
        fixture.db.write("test.reset", reset).await.unwrap();
        let forget = async |tx: &mut pg::Tx| projections::forget(tx, family, "k", version).await;
        fixture.db.write("test.forget", forget).await.unwrap()
    };
    assert!(!change(19).await, "what has changed since it was compared stays");
    assert_eq!(list(&fixture.db).await[0].version, 20);
    assert!(!change(20).await, "its version was reset, so it is not the compared one");
    assert_eq!(list(&fixture.db).await[0].version, 0);
    assert!(change(0).await);
    assert_eq!(list(&fixture.db).await, []);
}
