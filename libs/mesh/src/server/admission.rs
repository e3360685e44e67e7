//! Which calls are worked on. A call that would have to wait is refused at once with OVERLOADED, before its caller has given up on it.

mod callers;
mod gradient;
mod slots;

use super::forwarded::CallerKey;
use crate::auth::Identity;
use crate::config::Server;
use crate::listener::end_at;
use axum::body::{Body, Bytes};
use axum::response::Response;
use callers::{Call, Callers, Shares};
use contracts::Policy;
use fault::{Common, Fault};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use slots::{Admitted, Shed, Slots, Working};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tonic::Code;

/// After which a call that was refused may be tried again.
const PAUSE: Duration = Duration::from_millis(500);
const TOO_BUSY: &str = "the service is too busy to begin this call";
const HAS_ITS_SHARE: &str = "this caller has its share of all calls under way already";
const UNREAD: &str = "too many answers wait for their callers to read them";
/// How long the caller has for reading an answer, where its time was up as it was given.
const MIN_READING: Duration = Duration::from_secs(1);

/// The slots of one service, and who has them.
pub(super) struct Admission {
    slots: Arc<Slots>,
    fairness: Fairness,
}

/// The calls and unread answers of each caller of a port.
#[derive(Clone)]
pub(super) struct Fairness {
    percent: usize,
    callers: Arc<Callers>,
}

/// A call that is worked on.
pub(super) struct Share {
    /// None: a service calls, which is exempt since it calls for many.
    call: Option<Call>,
    working: Working,
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

impl Admission {
    pub(super) fn new(config: &Server, fairness: Fairness) -> Self {
        Self { slots: Slots::new(config.max_concurrent_calls, config.max_streams), fairness }
    }

    /// Refuses a call while so many were let in that it could not even be found out whose this one is.
    pub(super) fn admit(&self, policy: &Policy) -> Result<Admitted, Fault> {
        self.slots.admit().ok_or_else(|| overloaded("slots", policy, TOO_BUSY))
    }

    /// Refuses a call of a caller that has its share under way already, and any while the service is as busy as it can be.
    pub(super) fn begin(
        &self,
        policy: &Policy,
        identity: &Identity,
        caller: &CallerKey,
    ) -> Result<Share, Fault> {
        let (mut call, mut percent) = (None, 100);
        if !identity.is_service() {
            let begun = self.fairness.callers.begin(&caller.key, policy.unary());
            call = Some(begun.ok_or_else(|| overloaded("caller", policy, HAS_ITS_SHARE))?);
            percent = self.fairness.percent;
        }
        let working =
            self.slots.begin(&caller.key, percent, policy).map_err(|shed| match shed {
                Shed::Share => overloaded("caller", policy, HAS_ITS_SHARE),
                Shed::Busy => overloaded("slots", policy, TOO_BUSY),
            })?;
        Ok(Share { call, working })
    }
}

impl Share {
    /// Works on the call. What it holds is held until its answer was sent.
    pub(super) async fn answer(
        self,
        policy: &Policy,
        deadline: Instant,
        work: impl Future<Output = Response>,
    ) -> Result<Response, Fault> {
        let Self { mut call, working } = self;
        if !policy.unary() {
            return Ok(until_sent(work.await, (call, working)));
        }
        let begun = Instant::now();
        let response = work.await;
        match super::answer::code(response.headers()) {
            Code::Ok | Code::DeadlineExceeded => working.end(policy, begun.elapsed()),
            // What is refused early says nothing of how busy the service is.
            _ => drop(working),
        }
        end_at(deadline.max(Instant::now() + MIN_READING));
        if http_body::Body::is_end_stream(response.body()) {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let (frames, bytes) = collect(body).await.map_err(Fault::internal)?;
        if call.as_mut().is_some_and(|call| !call.keep(bytes)) {
            return Err(overloaded("unread", policy, UNREAD));
        }
        let frames = futures::stream::iter(frames.into_iter().map(Ok::<_, axum::Error>));
        let response = Response::from_parts(head, Body::new(StreamBody::new(frames)));
        Ok(until_sent(response, call))
    }
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
pub(super) fn until_sent<H: Send + Sync + 'static>(response: Response, held: H) -> Response {
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

fn overloaded(by: &'static str, policy: &Policy, message: &str) -> Fault {
    metrics::counter!("rpc_shed_total", "method" => policy.name, "by" => by).increment(1);
    Fault::new(Common::Overloaded, format!("{message}; retry later")).retry_after(PAUSE)
}
