//! Migrations.

use crate::world::{World, count, soon};
use futures::future::join_all;
use pg::{Db, Settings, migrate, provision};
use secrecy::SecretString;
use std::collections::BTreeSet;

/// A database that nothing was done to.
async fn empty(world: &mut World) -> SecretString {
    let name = world.new_name();
    provision::copy(&world.superuser, "template1", &name, "postgres").await.unwrap();
    world.url_of(&name)
}

#[tokio::test]
async fn what_is_pending_is_run_once() {
    let mut world = World::new().await;
    let url = empty(&mut world).await;
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
async fn many_that_migrate_at_once_run_each_migration_once() {
    let mut world = World::new().await;
    let url = empty(&mut world).await;
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
