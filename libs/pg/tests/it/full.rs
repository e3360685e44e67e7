//! What callers and readiness are told while every connection is in use.

use crate::fixture::{Fixture, execute, soon};
use crate::proxy::Proxy;
use contracts::Kind;
use fault::{Common, Fault};
use pg::{Budget, Db, Settings, provision};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A database of one connection, for which nobody waits long.
fn single(fixture: &Fixture) -> Db {
    fixture.other(|settings| {
        settings.max_connections = 1;
        settings.acquire_timeout = Duration::from_millis(50);
    })
}

/// Uses a connection until the sender is dropped.
async fn hold(db: &Db) -> (oneshot::Sender<()>, JoinHandle<Result<(), Fault>>) {
    let ((held, holds), (release, released)) = (oneshot::channel(), oneshot::channel::<()>());
    let (db, channels) = (db.clone(), std::sync::Mutex::new(Some((held, released))));
    let task = tokio::spawn(async move {
        db.write("test.hold", async |tx| {
            execute(tx, "select 1").await?;
            let channels = channels.lock().unwrap().take();
            let (held, released) = channels.unwrap();
            held.send(()).unwrap();
            let _ = released.await;
            Ok(())
        })
        .await
    });
    holds.await.unwrap();
    (release, task)
}

fn overloaded(result: Result<(), Fault>) {
    let fault = result.unwrap_err();
    assert!(fault.is(Common::Overloaded), "{fault:?}");
    assert_eq!(fault.kind(), Kind::Exhausted);
    assert!(fault.pause().is_some());
}

async fn write(db: &Db) -> Result<(), Fault> {
    db.write("test.write", async |tx| execute(tx, "select 1").await).await
}

async fn read(db: &Db) -> Result<(), Fault> {
    db.read("test.read", async |tx| execute(tx, "select 1").await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_finds_every_connection_in_use_is_overloaded() {
    let fixture = Fixture::new().await;
    let db = single(&fixture);
    let (release, held) = hold(&db).await;
    // The pool of transactions has no connection left, and the pool of reads no budget for one.
    overloaded(write(&db).await);
    overloaded(read(&db).await);
    drop(release);
    held.await.unwrap().unwrap();
    write(&db).await.unwrap();
    // The budget of the process.
    let budget = Budget::new(1);
    let [one, other] = [(); 2].map(|()| {
        fixture.other(|settings| {
            settings.budget = budget.clone();
            settings.acquire_timeout = Duration::from_millis(50);
        })
    });
    let (release, held) = hold(&one).await;
    overloaded(write(&other).await);
    drop(release);
    held.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_free_connections_is_overloaded_and_one_that_is_away_unavailable() {
    let mut fixture = Fixture::new().await;
    let name = fixture.new_name();
    provision::create(&fixture.superuser, &name, "secret").await.unwrap();
    let limit = async |connections: i32| {
        let sql = format!("alter role \"{name}\" connection limit {connections}");
        fixture.execute(&sql).await;
    };
    limit(0).await;
    let db = Db::new("pricing", Settings::of(fixture.url_as(&name, &name))).unwrap();
    overloaded(read(&db).await);
    db.answers().await.unwrap();
    limit(-1).await;
    read(&db).await.unwrap();

    let away = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = away.local_addr().unwrap().port();
    drop(away);
    let away = fixture.other(|settings| {
        settings.url = format!("postgres://nobody@127.0.0.1:{port}/nothing").into();
    });
    assert!(read(&away).await.unwrap_err().is(Common::DependencyUnavailable));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_leaves_the_other_connections_to_calls() {
    let fixture = Fixture::new().await;
    let db = fixture.other(|settings| {
        settings.max_connections = 3;
        settings.acquire_timeout = Duration::from_millis(50);
    });
    let share = db.share(1);
    let (release, held) = hold(&share).await;
    overloaded(read(&share.clone()).await);
    overloaded(write(&share).await);
    let (others_release, others) = hold(&db).await;
    read(&db).await.unwrap();
    drop((release, others_release));
    held.await.unwrap().unwrap();
    others.await.unwrap().unwrap();
    write(&share).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_new_connections_answers_on_those_it_has() {
    let fixture = Fixture::new().await;
    let proxy = Proxy::to(fixture.db.url()).await;
    let db = fixture.other(|settings| {
        settings.url = proxy.url(&settings.url);
        settings.max_connections = 1;
    });
    db.answers().await.unwrap();
    proxy.stall();
    for _ in 0..3 {
        db.wake();
        db.answers().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pool_does_not_make_a_database_unready_that_answers() {
    let fixture = Fixture::new().await;
    let proxy = Proxy::to(fixture.db.url()).await;
    let db = fixture.other(|settings| {
        settings.url = proxy.url(&settings.url);
        settings.max_connections = 1;
    });
    let (release, held) = hold(&db).await;
    soon("the database answers", db.answers()).await.unwrap();
    proxy.stall();
    let fault = soon("a new connection is given up", db.answers()).await.unwrap_err();
    assert!(fault.is(Common::DependencyUnavailable), "{fault:?}");
    drop(release);
    held.await.unwrap().unwrap();
}
