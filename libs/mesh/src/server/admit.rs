use super::answer::refuse;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use fault::{Common, Fault};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// Limits the calls that one service works on at a time.
#[derive(Clone)]
pub(super) struct Admission {
    slots: Arc<Semaphore>,
    calls: TaskTracker,
}

impl Admission {
    pub(super) fn new(max_concurrent_calls: usize, calls: TaskTracker) -> Self {
        Self { slots: Arc::new(Semaphore::new(max_concurrent_calls)), calls }
    }
}

/// Refuses with OVERLOADED at once instead of letting calls queue up until their callers have given up.
pub(super) async fn admit(
    State(admission): State<Admission>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(slot) = Arc::clone(&admission.slots).try_acquire_owned() else {
        let fault = Fault::new(
            Common::Overloaded,
            "the service is too busy to begin this call; retry later",
        );
        return refuse(fault.retry_after(Duration::from_millis(500)));
    };
    let permits = (slot, admission.calls.token());
    let response = next.run(request).await;
    if http_body::Body::is_end_stream(response.body()) {
        return response;
    }
    // A stream is in flight until its last message, so the slot goes with the body.
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _permits = &permits;
            frame
        }))
    })
}
