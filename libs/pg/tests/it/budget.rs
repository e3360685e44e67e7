//! How many connections a service and a process open.

use crate::fixture::{Fixture, backend, eventually, execute};
use pg::{Budget, Db, Tx};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// Connections that one of these clients opened.
const OPEN: &str = "select count(*) from pg_stat_activity
     where datname = current_database() and application_name = 'budget'";

fn client(fixture: &Fixture, budget: &Budget, max_connections: usize) -> Db {
    fixture.other(|settings| {
        let url = secrecy::ExposeSecret::expose_secret(&settings.url);
        let mark = if url.contains('?') { '&' } else { '?' };
        settings.url = format!("{url}{mark}application_name=budget").into();
        settings.max_connections = max_connections;
        settings.acquire_timeout = Duration::from_secs(60);
        settings.budget = budget.clone();
    })
}

/// Calls that keep every connection busy until `stop`; each has its own count of calls that ended.
fn call(tasks: &mut JoinSet<()>, db: &Db, writes: bool, stop: &Arc<AtomicBool>) -> Arc<AtomicU32> {
    let ended = Arc::<AtomicU32>::default();
    for _ in 0..6 {
        let (db, stop, ended) = (db.clone(), stop.clone(), ended.clone());
        tasks.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let work = async |tx: &mut Tx| execute(tx, "select pg_sleep(0.005)").await;
                match writes {
                    true => db.write("test.write", work).await.unwrap(),
                    false => db.read("test.read", work).await.unwrap(),
                }
                ended.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    ended
}

/// Both go on although the other would take every connection, and no more than `most` are in use. The server may still be ending those
/// that were given up.
async fn share(fixture: &Fixture, one: (&Db, bool), other: (&Db, bool), most: i64) {
    let (mut tasks, stop) = (JoinSet::new(), Arc::<AtomicBool>::default());
    let ended = [one, other].map(|(db, writes)| call(&mut tasks, db, writes, &stop));
    eventually("both go on", async || {
        let open = fixture.count(OPEN).await;
        assert!(open <= 2 * most, "{open} connections");
        ended.iter().all(|ended| ended.load(Ordering::Relaxed) > 50)
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    tasks.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_databases_of_a_process_share_its_budget() {
    let fixture = Fixture::new().await;
    let budget = Budget::new(3);
    let (one, other) = (client(&fixture, &budget, 8), client(&fixture, &budget, 8));
    share(&fixture, (&one, true), (&other, true), 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_and_reads_of_a_service_share_its_limit() {
    let fixture = Fixture::new().await;
    let db = client(&fixture, &Budget::new(100), 3);
    share(&fixture, (&db, true), (&db, false), 3).await;
}

/// More callers than connections, half of each kind, keep the connections that there are instead of closing those of each other.
#[tokio::test(flavor = "multi_thread")]
async fn transactions_and_reads_that_wait_for_each_other_open_few_connections() {
    let fixture = Fixture::new().await;
    let db = client(&fixture, &Budget::new(100), 16);
    let mut callers = JoinSet::new();
    for number in 0..32 {
        let db = db.clone();
        callers.spawn(async move {
            let mut used = BTreeSet::new();
            for _ in 0..200 {
                let work = async |tx: &mut Tx| {
                    execute(tx, "select pg_sleep(0.005)").await?;
                    backend(tx).await
                };
                let pid = match number % 2 {
                    0 => db.write("test.write", work).await,
                    _ => db.read("test.read", work).await,
                };
                used.insert(pid.unwrap());
            }
            used
        });
    }
    let used: BTreeSet<i64> = callers.join_all().await.into_iter().flatten().collect();
    // At first one kind may hold all; then it gives up about half of them.
    assert!(used.len() <= 40, "{} connections", used.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_closed_for_others_and_on_request() {
    let fixture = Fixture::new().await;
    let budget = Budget::new(1);
    let (one, other) = (client(&fixture, &budget, 1), client(&fixture, &budget, 1));
    one.write("test.one", async |tx| execute(tx, "select 1").await).await.unwrap();
    other.write("test.other", async |tx| execute(tx, "select 1").await).await.unwrap();
    budget.close_idle(Duration::ZERO);
    eventually("none is open", async || fixture.count(OPEN).await == 0).await;
}

#[tokio::test]
async fn connections_that_the_server_keeps_for_superusers_do_not_count() {
    let fixture = Fixture::new().await;
    let of = |name: &str| format!("select current_setting('{name}')::bigint as count");
    let all = fixture.count(&of("max_connections")).await;
    let kept = fixture.count(&of("superuser_reserved_connections")).await;
    let limit = i64::try_from(fixture.db.server_limit().await.unwrap()).unwrap();
    assert!(kept > 0 && limit == all - kept, "{limit} of {all}, {kept} kept");
}
