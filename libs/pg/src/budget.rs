//! How many connections pools may hold together. Where all are held, those that are idle are closed; a caller that goes on waiting is
//! given the place of one connection of a pool that holds more than its own, so that pools come to hold about as many each and no
//! connection is closed that nobody is given the place of.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

/// How long a connection must be idle to be closed for another pool.
const RECLAIM_IDLE: Duration = Duration::from_millis(100);

/// How often idle connections are looked for while a caller waits for the budget.
const RECLAIM_INTERVAL: Duration = Duration::from_millis(20);

/// How often they were looked for when another pool gives up a connection that it uses: that costs it a new one.
const STARVED_AFTER: u32 = 5;

/// How many connections the pools of a process may hold together.
#[derive(Clone)]
pub struct Budget {
    inner: Arc<Inner>,
}

struct Inner {
    permits: Arc<Semaphore>,
    pools: Mutex<Vec<CloseIdle>>,
    starved: Mutex<Vec<Starved>>,
}

/// Closes the connections of a pool that have been idle for so long; false once the pool is gone.
type CloseIdle = Box<dyn Fn(Duration) -> bool + Send + Sync>;

/// How many places a pool has.
type Count = Arc<AtomicUsize>;

/// A caller that has waited for long.
struct Starved {
    held: Count,
    caller: oneshot::Sender<Place>,
}

/// A caller to whom a place is to be given. From here on its pool counts as having it.
pub(crate) struct Promise {
    held: Held,
    caller: oneshot::Sender<Place>,
}

/// The right to hold one connection.
pub(crate) struct Place {
    permit: OwnedSemaphorePermit,
    _held: Held,
}

/// Counts as long as it exists.
struct Held(Count);

/// What a pool has of a budget.
pub(crate) struct Part {
    budget: Budget,
    held: Count,
}

impl Budget {
    /// A budget of so many connections.
    pub fn new(connections: usize) -> Self {
        let permits = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        let (pools, starved) = (Mutex::default(), Mutex::default());
        Self { inner: Arc::new(Inner { permits, pools, starved }) }
    }

    /// Closes the connections that have been idle for so long.
    pub fn close_idle(&self, idle: Duration) {
        locked(&self.inner.pools).retain(|close_idle| close_idle(idle));
    }

    /// Has a pool close its idle connections for others.
    pub(crate) fn add(&self, close_idle: impl Fn(Duration) -> bool + Send + Sync + 'static) {
        locked(&self.inner.pools).push(Box::new(close_idle));
    }

    /// The part of a new pool.
    pub(crate) fn part(&self) -> Part {
        Part { budget: self.clone(), held: Count::default() }
    }
}

impl Part {
    /// A place for one more connection; waits until there is one.
    pub(crate) async fn acquire(&self) -> Option<Place> {
        let place = |permit| Place { permit, _held: Held::new(&self.held) };
        // One wait, so that it keeps its place in the queue.
        let permit = Arc::clone(&self.budget.inner.permits).acquire_owned();
        tokio::pin!(permit);
        for _ in 0..STARVED_AFTER {
            match timeout(RECLAIM_INTERVAL, &mut permit).await {
                Ok(permit) => return permit.ok().map(place),
                Err(_) => self.budget.close_idle(RECLAIM_IDLE),
            }
        }
        let (caller, mut given) = oneshot::channel();
        locked(&self.budget.inner.starved).push(Starved { held: Arc::clone(&self.held), caller });
        loop {
            tokio::select! {
                permit = &mut permit => return permit.ok().map(place),
                place = &mut given => return place.ok(),
                () = sleep(RECLAIM_INTERVAL) => self.budget.close_idle(RECLAIM_IDLE),
            }
        }
    }

    /// Who is to be given a place of this pool: a caller of the pool that has fewest, unless this one has as few.
    pub(crate) fn wanted(&self) -> Option<Promise> {
        let mut starved = locked(&self.budget.inner.starved);
        if starved.is_empty() {
            return None;
        }
        starved.retain(|own| !own.caller.is_closed());
        let (index, fewest) = starved
            .iter()
            .map(|own| own.held.load(Ordering::Relaxed))
            .enumerate()
            .min_by_key(|(_, held)| *held)?;
        // Who has none cannot go on, whatever others have.
        if fewest > 0 && fewest + 1 >= self.held.load(Ordering::Relaxed) {
            return None;
        }
        let Starved { held, caller } = starved.remove(index);
        Some(Promise { held: Held::new(&held), caller })
    }
}

impl Promise {
    /// Gives a place away. Where the caller has gone meanwhile, the place is free.
    pub(crate) fn keep(self, place: Place) {
        let _ = self.caller.send(Place { permit: place.permit, _held: self.held });
    }
}

impl Held {
    fn new(count: &Count) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Budget({} left)", self.inner.permits.available_permits())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
