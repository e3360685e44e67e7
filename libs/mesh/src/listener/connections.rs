//! The open connections of a port, and which one makes room for another: callers that do something never wait for those that do not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a connection may take to begin, encryption included.
const MAX_GREETING: Duration = Duration::from_secs(5);

/// Streams without a token that may be refused on a connection whose caller was never recognised. A connection keeps room for the most
/// calls that it ever had at a time, so one that only asks for what it is not given is not worth keeping.
const MAX_REFUSED: usize = 32;

/// All connections of a port.
pub(super) struct Connections {
    max: usize,
    begun: Instant,
    /// In the order in which they were accepted.
    open: Mutex<BTreeMap<u64, Arc<Open>>>,
    next: AtomicU64,
}

/// One connection.
pub(crate) struct Open {
    id: u64,
    accepted: Instant,
    /// Cancelled: it is to end at once.
    pub(super) cut: CancellationToken,
    greeted: AtomicBool,
    /// Whether a caller was recognised on it.
    known: AtomicBool,
    calls: AtomicUsize,
    /// Streams that are open to everybody.
    pub(crate) open_streams: AtomicUsize,
    /// How many of those were refused.
    refused: AtomicUsize,
    /// When its last call ended, in milliseconds since the port was opened.
    last: AtomicU64,
    port: Instant,
}

/// Takes the connection off the list when it ends.
pub(super) struct Entry {
    pub(super) open: Arc<Open>,
    connections: Arc<Connections>,
}

impl Connections {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            begun: Instant::now(),
            open: Mutex::default(),
            next: AtomicU64::new(0),
        })
    }

    /// Takes in a connection, where need be for another one; none: each of them is at work.
    pub(super) fn admit(self: &Arc<Self>, cut: CancellationToken) -> Option<Entry> {
        let mut all = self.lock();
        if all.len() >= self.max {
            let victim = victim(all.values())?;
            victim.cut("room");
            let id = victim.id;
            all.remove(&id);
        }
        let open = Arc::new(Open {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            accepted: Instant::now(),
            cut,
            greeted: AtomicBool::new(false),
            known: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
            open_streams: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            last: AtomicU64::new(0),
            port: self.begun,
        });
        all.insert(open.id, Arc::clone(&open));
        Some(Entry { open, connections: Arc::clone(self) })
    }

    /// Cuts those that have taken too long to begin.
    pub(super) fn cut_silent(&self) {
        let now = Instant::now();
        let all = self.lock();
        let silent = all.values().filter(|open| {
            !open.greeted.load(Ordering::Relaxed) && now - open.accepted > MAX_GREETING
        });
        silent.for_each(|open| open.cut("silent"));
    }

    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The oldest of those that have sent nothing, then of those on which nobody was recognised, else the one whose last call ended first; none where all have calls.
fn victim<'o>(all: impl Iterator<Item = &'o Arc<Open>>) -> Option<&'o Arc<Open>> {
    let rank = |open: &Open| {
        let known = open.is_known();
        // What holds calls of nobody is no better than silence.
        let idle = !known || open.calls.load(Ordering::Relaxed) == 0;
        let since = if known { open.last.load(Ordering::Relaxed) } else { open.id };
        // Who has begun at least is about to make a call.
        idle.then_some((known, open.greeted.load(Ordering::Relaxed), since))
    };
    all.filter_map(|open| Some((rank(open)?, open))).min_by_key(|(rank, _)| *rank).map(|own| own.1)
}

impl Open {
    pub(super) fn greeted(&self) {
        self.greeted.store(true, Ordering::Relaxed);
    }

    /// A caller was recognised on it.
    pub(crate) fn recognise(&self) {
        self.known.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// A stream that is open to everybody was refused on it.
    pub(crate) fn refuse_stream(&self) {
        if self.refused.fetch_add(1, Ordering::Relaxed) >= MAX_REFUSED && !self.is_known() {
            self.cut("refused");
        }
    }

    /// Ends it at once.
    pub(crate) fn cut(&self, cause: &'static str) {
        if !self.cut.is_cancelled() {
            self.cut.cancel();
            metrics::counter!("connections_cut_total", "cause" => cause).increment(1);
        }
    }

    pub(crate) fn begin_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_call(&self) {
        let ago = u64::try_from(self.port.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(ago, Ordering::Relaxed);
        self.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.open.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(all: &Arc<Connections>) -> Option<Entry> {
        all.admit(CancellationToken::new())
    }

    fn is_cut(entry: &Entry) -> bool {
        entry.open.cut.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_never_recognised_makes_room_first_and_who_works_never() {
        let all = Connections::new(3);
        let [worker, idle, silent] = [(); 3].map(|()| admit(&all).unwrap());
        for known in [&worker, &idle] {
            known.open.recognise();
            known.open.begin_call();
        }
        idle.open.end_call();
        silent.open.begin_call();
        let first = admit(&all).unwrap();
        assert!(is_cut(&silent) && !is_cut(&idle));
        first.open.recognise();
        first.open.begin_call();
        let second = admit(&all).unwrap();
        assert!(is_cut(&idle) && !is_cut(&worker));
        second.open.recognise();
        second.open.begin_call();
        assert!(admit(&all).is_none());
        drop(second);
        assert!(admit(&all).is_some());
        assert_eq!(all.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_sent_nothing_makes_room_before_who_has_begun() {
        let all = Connections::new(2);
        let begun = admit(&all).unwrap();
        begun.open.greeted();
        let silent: Vec<Entry> = (0..5).map(|_| admit(&all).unwrap()).collect();
        assert!(!is_cut(&begun) && is_cut(&silent[3]));
    }

    #[tokio::test(start_paused = true)]
    async fn who_only_asks_for_refused_streams_is_cut_and_who_is_known_is_not() {
        let all = Connections::new(9);
        let [stranger, known] = [(); 2].map(|()| admit(&all).unwrap());
        known.open.recognise();
        for _ in 0..MAX_REFUSED {
            stranger.open.refuse_stream();
            known.open.refuse_stream();
        }
        assert!(!is_cut(&stranger));
        stranger.open.refuse_stream();
        known.open.refuse_stream();
        assert!(is_cut(&stranger) && !is_cut(&known));
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_begin_in_time_is_cut() {
        let all = Connections::new(9);
        let [greeted, silent] = [(); 2].map(|()| admit(&all).unwrap());
        greeted.open.greeted();
        all.cut_silent();
        assert!(!is_cut(&silent));
        tokio::time::advance(MAX_GREETING + Duration::from_millis(1)).await;
        all.cut_silent();
        assert!(is_cut(&silent) && !is_cut(&greeted));
    }
}
