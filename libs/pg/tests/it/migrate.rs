//! Migrations.

use crate::fixture::{Fixture, count, soon};
use futures::future::join_all;
use pg::{Db, Settings, migrate, provision};
use secrecy::SecretString;
use std::collections::BTreeSet;

/// An empty database.
async fn empty(fixture: &mut Fixture) -> SecretString {
    let name = fixture.new_name();
    provision::copy(&fixture.superuser, "template1", &name, "postgres").await.unwrap();
    fixture.url_of(&name)
}

#[tokio::test]
async fn pending_migrations_run_once() {
    let mut fixture = Fixture::new().await;
    let url = empty(&mut fixture).await;
    let pending = migrate::pending(&url, migrate::SHARED).await.unwrap();
    assert_ne!(pending.len(), 0);
    let pending: BTreeSet<String> = pending.into_iter().collect();
    let ran = migrate::run(&url, migrate::SHARED).await.unwrap();
    assert_eq!(ran.len(), pending.len());
    assert_eq!(BTreeSet::from_iter(ran), pending);
    assert_eq!(migrate::pending(&url, migrate::SHARED).await.unwrap(), [""; 0]);
    assert_eq!(migrate::run(&url, migrate::SHARED).await.unwrap(), [""; 0]);
    let database = Db::new("pricing", Settings::of(url)).unwrap();
    assert_eq!(count(&database, "select count(*) from outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_runs_apply_each_migration_once() {
    let mut fixture = Fixture::new().await;
    let url = empty(&mut fixture).await;
    let pending = migrate::pending(&url, migrate::SHARED).await.unwrap();
    let runs = (0..4).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { migrate::run(&url, migrate::SHARED).await })
    });
    let mut ran = Vec::new();
    for run in soon("all are done", join_all(runs)).await {
        ran.extend(run.unwrap().unwrap());
    }
    ran.sort();
    let mut once: Vec<String> = BTreeSet::from_iter(pending).into_iter().collect();
    once.sort();
    assert_eq!(ran, once);
}
