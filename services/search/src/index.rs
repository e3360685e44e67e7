//! The index of this replica, with the shared data that documents are built with.

use crate::domain::shared::Shared;
use crate::engine::hits::Hits;
use crate::engine::query::Query;
use crate::engine::{Engine, EngineError};
use crate::store::documents::TableState;
use fault::Fault;
use search_api::v1::Reason;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use tokio::sync::{Mutex, MutexGuard, Notify, Semaphore};

/// The engine with what the follower last read of brands, categories, attributes and warehouses. Cheap to clone.
#[derive(Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<dyn Engine>,
    shared: RwLock<Known>,
    filled: AtomicBool,
    changed: Notify,
    committed: Arc<Notify>,
    writer: Mutex<()>,
    /// As many searches as processors: more at once would not be faster, and would delay the follower.
    searching: Semaphore,
}

#[derive(Default)]
struct Known {
    shared: Arc<Shared>,
    /// The state of the tables when it was read or earlier; none: never read.
    state: Option<TableState>,
}

impl Index {
    /// Around an engine that may already have documents.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            inner: Arc::new(Inner {
                engine,
                shared: RwLock::default(),
                filled: AtomicBool::new(false),
                changed: Notify::new(),
                committed: Arc::default(),
                writer: Mutex::new(()),
                searching: Semaphore::new(thread::available_parallelism().map_or(1, usize::from)),
            }),
        }
    }

    /// Uses the engine where blocking is allowed.
    pub async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Engine) -> Result<R, EngineError> + Send + 'static,
    ) -> Result<R, Fault> {
        let engine = Arc::clone(&self.inner.engine);
        let done = tokio::task::spawn_blocking(move || work(engine.as_ref())).await;
        done.map_err(Fault::internal)?.map_err(fault)
    }

    /// Searches, as soon as a processor is free for it.
    pub async fn search(&self, query: Query) -> Result<Hits, Fault> {
        let _turn = self.inner.searching.acquire().await.map_err(Fault::internal)?;
        self.run(move |engine| engine.query(&query)).await
    }

    /// Brands, categories, attributes and warehouses as they were last read.
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.known().shared)
    }

    /// The same; none if they have changed since, by the current state of the tables.
    pub fn shared_at(&self, state: TableState) -> Option<Arc<Shared>> {
        let known = self.known();
        (known.state == Some(state)).then(|| Arc::clone(&known.shared))
    }

    /// Replaces them by `shared`, which was read when the tables had this state or a later one, unless newer data is there already.
    /// Returns the newer.
    pub fn share(&self, state: TableState, shared: Shared) -> Arc<Shared> {
        let mut known = self.inner.shared.write().unwrap_or_else(PoisonError::into_inner);
        let newer = |now: TableState| now.epoch == state.epoch && now.shared > state.shared;
        if !known.state.is_some_and(newer) {
            *known = Known { shared: Arc::new(shared), state: Some(state) };
        }
        Arc::clone(&known.shared)
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.inner.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the index as filled: it has everything that was in the table when the process started.
    pub fn set_filled(&self) {
        self.inner.filled.store(true, Ordering::Release);
    }

    /// Refuses while the index is not filled.
    pub fn check_filled(&self) -> Result<(), Fault> {
        if self.inner.filled.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Fault::new(Reason::IndexNotReady, "this replica is still filling its index; retry"))
    }

    /// The lock for writing to the live index or swapping it.
    pub async fn writer(&self) -> MutexGuard<'_, ()> {
        self.inner.writer.lock().await
    }

    /// To be notified once a transaction that changes the table is committed.
    pub fn commit_signal(&self) -> Arc<Notify> {
        Arc::clone(&self.inner.committed)
    }

    /// Waits until the table has been changed by this process.
    pub async fn committed(&self) {
        self.inner.committed.notified().await;
    }

    /// Wakes the follower: the table has changed.
    pub fn wake(&self) {
        self.inner.changed.notify_one();
    }

    /// Waits to be woken.
    pub async fn woken(&self) {
        self.inner.changed.notified().await;
    }
}

fn fault(error: EngineError) -> Fault {
    match error {
        EngineError::Expired => {
            let message = "results by relevance are continued for some minutes, and only by the replica that began; start at \
                           the first page";
            Fault::field(Reason::PageExpired, "page_token", message)
        }
        error => Fault::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::embedded::EmbeddedEngine;
    use crate::engine::{Change, Checkpoint, Rebuild, Stats};
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;
    use uuid::Uuid;

    /// Counts how many search at once.
    struct Counted {
        engine: EmbeddedEngine,
        now: AtomicUsize,
        most: AtomicUsize,
    }

    impl Engine for Counted {
        fn query(&self, query: &Query) -> Result<Hits, EngineError> {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(5));
            let hits = self.engine.query(query);
            self.now.fetch_sub(1, Ordering::SeqCst);
            hits
        }

        fn index(&self, changes: Vec<Change>, upto: Checkpoint) -> Result<(), EngineError> {
            self.engine.index(changes, upto)
        }

        fn rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError> {
            self.engine.rebuild()
        }

        fn stats(&self) -> Result<Stats, EngineError> {
            self.engine.stats()
        }

        fn inventory(
            &self,
            after: Option<Uuid>,
            limit: usize,
        ) -> Result<Vec<(Uuid, i64)>, EngineError> {
            self.engine.inventory(after, limit)
        }
    }

    #[tokio::test]
    async fn as_many_search_at_once_as_there_are_processors() {
        let folder = std::env::temp_dir().join(format!("souk-index-{}", Uuid::now_v7()));
        let engine = EmbeddedEngine::open(&folder).unwrap();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let engine = Arc::new(Counted { engine, now, most });
        let index = Index::new(engine.clone());
        let query = Query::everything(chrono::Utc::now());
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let searches = (0..processors * 16).map(|_| index.search(query.clone()));
        futures::future::try_join_all(searches).await.unwrap();
        assert_eq!(engine.most.load(Ordering::SeqCst), processors);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn nobody_is_answered_from_an_index_that_is_not_filled() {
        let folder = std::env::temp_dir().join(format!("souk-index-{}", Uuid::now_v7()));
        let index = Index::new(Arc::new(EmbeddedEngine::open(&folder).unwrap()));
        let refused = index.check_filled().unwrap_err();
        assert_eq!(
            (refused.reason(), refused.kind()),
            ("INDEX_NOT_READY", contracts::Kind::Unavailable)
        );
        index.set_filled();
        index.check_filled().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_older_reading_never_takes_the_place_of_a_newer_one() {
        let folder = std::env::temp_dir().join(format!("souk-index-{}", Uuid::now_v7()));
        let index = Index::new(Arc::new(EmbeddedEngine::open(&folder).unwrap()));
        let id = Uuid::now_v7();
        let state = |epoch, shared| TableState { epoch, shared };
        let named = |name: &str| {
            let mut shared = Shared::default();
            shared.brands.insert(id, name.into());
            shared
        };
        let name = |shared: Arc<Shared>| shared.brands[&id].clone();

        assert!(index.shared_at(state(1, 0)).is_none());
        index.share(state(1, 2), named("new"));
        assert_eq!(name(index.share(state(1, 1), named("old"))), "new");
        assert_eq!(index.shared_at(state(1, 2)).map(name).as_deref(), Some("new"));
        // Another epoch counts from its own start.
        assert_eq!(name(index.share(state(2, 0), named("reborn"))), "reborn");
        assert!(index.shared_at(state(1, 2)).is_none());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
