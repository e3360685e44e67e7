//! Replicas of one service that reconcile their projections.

use contracts::operations::v1::DriftKind;
use fault::Fault;
use mesh::reconcile::{Drift, Listed, request};
use mesh::{Projection, Reconciler, config};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use pg::{Db, Settings};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use testbed::{Servers, Template};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Versions by key.
type List = Arc<Mutex<BTreeMap<String, i64>>>;

fn list(versions: impl IntoIterator<Item = i64>) -> List {
    let keys = (1..).map(|id| Uuid::from_u128(id).to_string());
    Arc::new(Mutex::new(keys.zip(versions).collect()))
}

/// A copy of an owner's list.
#[derive(Clone)]
struct Copied {
    name: &'static str,
    is_local: bool,
    owner: List,
    copy: List,
}

fn page(list: &List, after: &str, limit: i64) -> Vec<Listed> {
    let list = list.lock().unwrap();
    let above = list.iter().filter(|(key, _)| key.as_str() > after);
    let listed = |(key, version): (&String, &i64)| Listed {
        key: key.clone(),
        version: *version,
        digest: None,
        deleted: false,
        unpublished: false,
    };
    above.take(limit.try_into().unwrap()).map(listed).collect()
}

impl Projection for Copied {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_local(&self) -> bool {
        self.is_local
    }

    async fn list_owned(&self, after: &str, limit: i64) -> Result<Vec<Listed>, Fault> {
        Ok(page(&self.owner, after, limit))
    }

    async fn list_copied(&self, after: &str, limit: i64) -> Result<Vec<Listed>, Fault> {
        Ok(page(&self.copy, after, limit))
    }

    async fn late(&self, _keys: &BTreeSet<String>) -> Result<BTreeSet<String>, Fault> {
        Ok(BTreeSet::new())
    }

    async fn repair(&self, drifts: &[Drift]) -> Result<(), Fault> {
        let mut copy = self.copy.lock().unwrap();
        for drift in drifts {
            assert_eq!(drift.kind, DriftKind::Behind);
            copy.insert(drift.key.clone(), drift.owner.as_ref().unwrap().version);
        }
        Ok(())
    }

    async fn random_key(&self) -> Result<Option<String>, Fault> {
        Ok(None)
    }
}

/// A reconciler with its own thread and metrics, like a separate process.
struct Replica {
    metrics: PrometheusHandle,
    /// The first send freezes the replica, the next one resumes it.
    freeze: SyncSender<()>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Replica {
    fn start(url: &SecretString, projections: Vec<Copied>) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let (freeze, frozen) = sync_channel(0);
        let stop = CancellationToken::new();
        let (url, ending) = (url.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            metrics::with_local_recorder(&recorder, || {
                runtime.unwrap().block_on(async {
                    tokio::select! {
                        () = reconciler(&url, projections).run(ending) => {}
                        () = block_while_frozen(&frozen) => {}
                    }
                });
            });
        });
        Self { metrics, freeze, stop, thread: Some(thread) }
    }

    /// Waits until its metrics contain these lines.
    async fn shows(&self, lines: &[String]) {
        let begun = Instant::now();
        loop {
            let text = self.metrics.render();
            if lines.iter().all(|line| text.lines().any(|found| found == line)) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "not {lines:#?} but:\n{text}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many differences of a projection it has repaired.
    fn repaired(&self, name: &str) -> i64 {
        let series =
            format!("projection_repaired_total{{service=\"mirror\",projection=\"{name}\"}} ");
        let text = self.metrics.render();
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value.map_or(0, |value| value.parse().unwrap())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.stop.cancel();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

fn drift(projection: &str, left: i64) -> String {
    format!("projection_drift{{service=\"mirror\",projection=\"{projection}\"}} {left}")
}

fn in_all(left: i64) -> String {
    format!("left_in_all {left}")
}

fn reconciler(url: &SecretString, projections: Vec<Copied>) -> Reconciler<Copied> {
    let db = Db::new("mirror", Settings::of(url.clone())).unwrap();
    let settings =
        config::Reconcile { sample_seconds: 0, full_hours: 0, confirm_seconds: 0, repair: false };
    let report = |left| metrics::gauge!("left_in_all").set(left);
    Reconciler::new(db, &settings, projections).with_total(report)
}

/// Blocks the only thread of the runtime while it is frozen.
async fn block_while_frozen(frozen: &Receiver<()>) {
    loop {
        if frozen.try_recv().is_ok() {
            frozen.recv().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_replica_shows_the_result_of_the_last_comparison_of_any_replica() {
    let servers = Servers::up().await;
    let name = format!("libmesh_{}", Uuid::now_v7().simple());
    let url = servers.database(&Template::shared(""), &name).await;
    let db = Db::new("mirror", Settings::of(url.clone())).unwrap();
    let compare = async |repair| {
        db.write("test.ask", async move |tx| request(tx, repair).await).await.unwrap();
    };

    let shared = |name, copy: [i64; 3]| Copied {
        name,
        is_local: false,
        owner: list([2, 2, 2]),
        copy: list(copy),
    };
    let (prices, items) = (shared("prices", [1, 2, 1]), shared("items", [2, 2, 2]));
    let index = |copy: [i64; 3]| Copied { is_local: true, ..shared("index", copy) };
    let all = |copy| vec![prices.clone(), items.clone(), index(copy)];

    let first = Replica::start(&url, all([1, 2, 2]));
    compare(false).await;
    let found = [drift("prices", 2), drift("items", 0)];
    first.shows(&[found.as_slice(), &[drift("index", 1), in_all(3)]].concat()).await;
    first.freeze.send(()).unwrap();

    // As after a restart: it has compared nothing yet, so it has no figures of its own index.
    let second = Replica::start(&url, all([2, 1, 1]));
    second.shows(&[found.as_slice(), &[in_all(2)]].concat()).await;
    assert!(!second.metrics.render().contains("projection=\"index\""));

    compare(true).await;
    let repaired = [drift("prices", 0), drift("items", 0)];
    second.shows(&[repaired.as_slice(), &[drift("index", 0), in_all(0)]].concat()).await;
    assert_eq!((second.repaired("prices"), second.repaired("index")), (2, 2));
    first.freeze.send(()).unwrap();
    first.shows(&[repaired.as_slice(), &[drift("index", 1), in_all(1)]].concat()).await;
    assert_eq!(first.repaired("prices"), 0);

    drop((first, second));
    servers.drop(&name).await;
}
