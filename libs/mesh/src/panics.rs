//! Panics are bugs that end one call or one task, never the process, and each is logged once, where it is caught.

use futures::FutureExt;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

tokio::task_local! {
    static CATCHING: ();
}

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work` and returns what it panicked with, if it did: the message and the place.
pub(crate) async fn caught<F: Future>(work: F) -> Result<F::Output, String> {
    remember();
    // Unwind safe: the state of the panicked call is dropped with it, and no longer-lived state is reached through this future.
    let outcome = AssertUnwindSafe(CATCHING.scope((), work)).catch_unwind().await;
    outcome.map_err(|payload| {
        let place = PLACE.with_borrow_mut(Option::take).unwrap_or_default();
        format!("panicked at {place}: {}", message(payload.as_ref()))
    })
}

/// Keeps the place of a panic that will be caught, and keeps it quiet meanwhile; all others go to the hook that was there before.
pub(crate) fn remember() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if CATCHING.try_with(|()| ()).is_ok() {
                PLACE.set(info.location().map(ToString::to_string));
            } else {
                before(info);
            }
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
