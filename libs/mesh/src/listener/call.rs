//! A call as its connection runs it. A connection asks for more of an answer only as fast as the caller reads, so an answer that nobody
//! reads can only be ended from here.

use super::connections::Open;
use hyper::rt::Executor;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::task_local;
use tokio::time::{Instant, Sleep, sleep_until};

task_local! {
    /// When the call of this task is to end.
    static END: Cell<Option<Instant>>;
}

/// Ends the current call at this time, even in the middle of its answer. What is said last counts.
pub(crate) fn end_at(end: Instant) {
    // A call that came by no connection has no end: it is one of a test.
    let _ = END.try_with(|own| own.set(Some(end)));
}

/// Runs the calls of one connection.
#[derive(Clone)]
pub(super) struct Calls(pub(super) Arc<Open>);

impl<F> Executor<F> for Calls
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        let open = Arc::clone(&self.0);
        open.begin_call();
        // Thousands may wait to be run: without the box each would have its state in several copies.
        let call = END.scope(Cell::new(None), until_its_end(Box::pin(call)));
        tokio::spawn(async move {
            call.await;
            open.end_call();
        });
    }
}

async fn until_its_end(call: impl Future<Output = ()>) {
    let (mut call, mut timer) = (pin!(call), pin!(None));
    poll_fn(|cx| {
        if call.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // Only the call itself says when it ends, and it has just run.
        match END.with(Cell::get) {
            Some(end) => poll_end(timer.as_mut(), end, cx),
            None => Poll::Pending,
        }
    })
    .await;
}

fn poll_end(mut timer: Pin<&mut Option<Sleep>>, end: Instant, cx: &mut Context<'_>) -> Poll<()> {
    if timer.is_none() {
        timer.set(Some(sleep_until(end)));
    }
    let Some(mut timer) = timer.as_pin_mut() else { return Poll::Pending };
    if timer.deadline() > end {
        timer.as_mut().reset(end);
    }
    while timer.as_mut().poll(cx).is_ready() {
        if timer.deadline() >= end {
            metrics::counter!("rpc_unread_answers_total").increment(1);
            return Poll::Ready(());
        }
        timer.as_mut().reset(end);
    }
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::time::Duration;
    use tokio::time::sleep;

    async fn end_after(call: impl Future<Output = ()>) -> Duration {
        let begun = Instant::now();
        END.scope(Cell::new(None), until_its_end(call)).await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_when_it_said_last() {
        let second = Duration::from_secs(1);
        let in_seconds = move |seconds: u32| Instant::now() + second * seconds;
        let put_off = async move {
            end_at(in_seconds(1));
            sleep(second / 2).await;
            end_at(in_seconds(3));
            pending().await
        };
        assert_eq!(end_after(put_off).await.as_millis(), 3_500);
        let brought_forward = async move {
            end_at(in_seconds(9));
            sleep(second).await;
            end_at(in_seconds(1));
            pending().await
        };
        assert_eq!(end_after(brought_forward).await.as_secs(), 2);
        assert_eq!(end_after(sleep(second * 5)).await.as_secs(), 5);
    }
}
