//! What waits in a service's database for its background work. One statement reads it for all of that work, every 2.5 seconds
//! while nothing happens, and at once after [`Db::wake`]; it also shows whether the database answers.

use crate::reading::Due;
use crate::{Db, Tx, statement};
use fault::Fault;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// How old a reading becomes.
const INTERVAL: Duration = Duration::from_millis(2500);

impl Db {
    /// What waits in the database, as of 2.5 seconds ago at most.
    pub async fn due(&self) -> Result<Arc<Due>, Fault> {
        let mut last = self.reading().last.lock().await;
        let stale = self.reading().stale.swap(false, Ordering::SeqCst);
        if let Some((at, due)) = &*last
            && !stale
            && at.elapsed() < INTERVAL
        {
            return Ok(due.clone());
        }
        *last = None;
        let due = Arc::new(self.look_up("core.due", read).await?);
        *last = Some((Instant::now(), due.clone()));
        Ok(due)
    }

    /// Returns when the next reading is to be taken: 2.5 seconds after the last one, or earlier after [`Db::wake`].
    pub async fn until_due(&self) {
        let woken = self.reading().woken.notified();
        let last = timeout(INTERVAL, self.reading().last.lock()).await;
        let last = last.ok().and_then(|last| last.as_ref().map(|(at, _)| *at));
        if self.reading().stale.load(Ordering::SeqCst) {
            return;
        }
        let next =
            last.map_or_else(Instant::now, |at| at.max(Instant::now() - INTERVAL)) + INTERVAL;
        tokio::select! {
            () = woken => {}
            () = sleep_until(next) => {}
        }
    }

    /// Has what waits in the database read anew, because something was added to it.
    pub fn wake(&self) {
        self.reading().stale.store(true, Ordering::SeqCst);
        self.reading().woken.notify_waiters();
    }

    /// Completes once this process has created an operation since the last call.
    pub async fn operation_created(&self) {
        self.reading().created.notified().await;
    }

    /// An operation was created in a transaction that is committed.
    pub(crate) fn announce_operation(&self) {
        self.wake();
        self.reading().created.notify_one();
    }
}

async fn read(tx: &mut Tx) -> Result<Due, Fault> {
    let due = statement(
        "select array(select distinct kind from operations where state = 'running') as running,
                array(select distinct kind from operations where state = 'running'
                      and (leased_until is null or leased_until < clock_timestamp())) as free,
                (select max(updated_at) from operations where state <> 'running') as ended_at,
                exists (select from early where arrived_at <= now()) as deferred,
                (select min(kept_at) from early where arrived_at is null) as early_since",
    );
    Ok(diesel_async::RunQueryDsl::get_result(due, tx.conn()).await?)
}
