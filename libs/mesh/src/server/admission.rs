//! Which calls are worked on. A call that would have to wait is refused at once with OVERLOADED, before its caller has given up on it.

mod callers;
mod gradient;
mod slots;

use super::answer::refuse;
use super::deadline::Deadline;
use super::forwarded::CallerKey;
use crate::auth::Identity;
use crate::config::Server;
use crate::listener::end_at;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use callers::{Callers, Shares};
use contracts::Policy;
use fault::{Common, Fault};
use http_body::Frame;
use http_body_util::BodyExt;
use slots::{Shed, Slots};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tonic::Code;

/// After which a call that was refused may be tried again.
const PAUSE: Duration = Duration::from_millis(500);
const TOO_BUSY: &str = "the service is too busy to begin this call";
const HAS_ITS_SHARE: &str = "this caller has its share of all calls under way already";
/// How long the caller has for reading an answer, where its time was up as it was given.
const MIN_READING: Duration = Duration::from_secs(1);

/// The slots of one service.
#[derive(Clone)]
pub(super) struct Admission {
    slots: Arc<Slots>,
    calls: TaskTracker,
}

impl Admission {
    /// `calls` counts what is in flight.
    pub(super) fn new(config: &Server, calls: TaskTracker) -> Self {
        Self { slots: Slots::new(config.max_concurrent_calls, config.max_streams), calls }
    }
}

/// Refuses a call while so many were let in that it could not even be found out whose this one is.
pub(super) async fn admit(
    State(admission): State<Admission>,
    Extension(policy): Extension<&'static Policy>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(admitted) = admission.slots.admit() else {
        return overloaded("slots", policy, TOO_BUSY);
    };
    request.extensions_mut().insert(Arc::clone(&admission.slots));
    let in_flight = admission.calls.token();
    let response = next.run(request).await;
    drop(admitted);
    until_sent(response, in_flight)
}

/// The calls and unread answers of each caller of a port.
#[derive(Clone)]
pub(super) struct Fairness {
    percent: usize,
    callers: Arc<Callers>,
}

impl Fairness {
    pub(super) fn new(config: &Server) -> Self {
        let percent = usize::from(config.caller_share_percent);
        let share = |all: usize| (all * percent).div_ceil(100);
        let callers = Callers::new(Shares {
            calls: share(config.max_concurrent_calls),
            streams: share(config.max_streams),
            bytes: share(config.max_unread_bytes),
            all_bytes: config.max_unread_bytes,
        });
        Self { percent, callers }
    }
}

/// Refuses a call of a caller that has its share under way already. A service is exempt, since it calls for many.
pub(super) async fn share(
    State(fairness): State<Fairness>,
    Extension(policy): Extension<&'static Policy>,
    Extension(identity): Extension<Identity>,
    Extension(caller): Extension<CallerKey>,
    Extension(deadline): Extension<Deadline>,
    request: Request,
    next: Next,
) -> Response {
    let Some(slots) = request.extensions().get::<Arc<Slots>>().cloned() else {
        return refuse(Fault::internal("the call was not admitted"));
    };
    let (mut call, mut percent) = (None, 100);
    if !identity.is_service() {
        call = fairness.callers.begin(&caller.key, policy.unary());
        if call.is_none() {
            return overloaded("caller", policy, HAS_ITS_SHARE);
        }
        percent = fairness.percent;
    }
    let working = match slots.begin(&caller.key, percent, policy) {
        Ok(working) => working,
        Err(Shed::Share) => return overloaded("caller", policy, HAS_ITS_SHARE),
        Err(Shed::Busy) => return overloaded("slots", policy, TOO_BUSY),
    };
    if !policy.unary() {
        return until_sent(next.run(request).await, (call, working));
    }
    let begun = Instant::now();
    let response = next.run(request).await;
    match super::answer::code(response.headers()) {
        Code::Ok | Code::DeadlineExceeded => working.end(policy, begun.elapsed()),
        // What is refused early says nothing of how busy the service is.
        _ => drop(working),
    }
    end_at(deadline.0.max(Instant::now() + MIN_READING));
    if http_body::Body::is_end_stream(response.body()) {
        return response;
    }
    let (head, body) = response.into_parts();
    let (frames, bytes) = match collect(body).await {
        Ok(collected) => collected,
        Err(error) => return refuse(Fault::internal(error)),
    };
    if call.as_mut().is_some_and(|call| !call.keep(bytes)) {
        return overloaded(
            "unread",
            policy,
            "too many answers wait for their callers to read them",
        );
    }
    let frames = futures::stream::iter(frames.into_iter().map(Ok::<_, axum::Error>));
    let response = Response::from_parts(head, Body::new(http_body_util::StreamBody::new(frames)));
    until_sent(response, call)
}

/// All frames of an answer of one message, with the bytes that they hold.
async fn collect(mut body: Body) -> Result<(Vec<Frame<Bytes>>, usize), axum::Error> {
    let (mut frames, mut bytes) = (Vec::with_capacity(2), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        bytes += frame.data_ref().map_or(0, Bytes::len);
        frames.push(frame);
    }
    Ok((frames, bytes))
}

/// Keeps what a call holds until its answer was sent.
fn until_sent<H: Send + Sync + 'static>(response: Response, held: H) -> Response {
    if http_body::Body::is_end_stream(response.body()) {
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &held;
            frame
        }))
    })
}

fn overloaded(by: &'static str, policy: &Policy, message: &str) -> Response {
    metrics::counter!("rpc_shed_total", "method" => policy.name, "by" => by).increment(1);
    let fault = Fault::new(Common::Overloaded, format!("{message}; retry later"));
    refuse(fault.retry_after(PAUSE))
}
