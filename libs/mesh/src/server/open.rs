use super::answer::refuse;
use super::stream::Patient;
use crate::auth::Auth;
use crate::auth::scopes::REFLECT;
use crate::listener::{Open, end_at};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use fault::{Common, Fault};
use http_body_util::BodyExt;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Streams without a token on one connection.
const PER_CONNECTION: usize = 8;
/// How long reflection waits for the next question. A watch of health lasts as long as its caller likes.
const IDLE: Duration = Duration::from_secs(20);

/// The streams that need no token: watches of health, and reflection.
#[derive(Clone)]
pub(super) struct OpenStreams {
    max: usize,
    /// Who checks for the scope of reflection; none: it needs none.
    auth: Option<Auth>,
    state: Arc<Mutex<Streams>>,
}

#[derive(Default)]
struct Streams {
    next: u64,
    /// The connections that they are on, the oldest stream first.
    streams: BTreeMap<u64, Arc<Open>>,
}

/// A stream; it is over when this is dropped.
struct Stream {
    id: u64,
    open: Arc<Open>,
    state: Arc<Mutex<Streams>>,
}

impl OpenStreams {
    pub(super) fn new(max: usize, auth: Option<Auth>) -> Self {
        Self { max, auth, state: Arc::default() }
    }

    fn begin(&self, open: &Arc<Open>) -> Option<Stream> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if open.open_streams.load(Ordering::Relaxed) >= PER_CONNECTION {
            return None;
        }
        if state.streams.len() >= self.max {
            // Who was never recognised makes room; the streams of its connection end with it.
            let unknown = state.streams.iter().find(|(_, open)| !open.is_known());
            let (id, open) = unknown.map(|(id, open)| (*id, Arc::clone(open)))?;
            open.cut("room");
            state.streams.remove(&id);
        }
        let id = state.next;
        state.next += 1;
        state.streams.insert(id, Arc::clone(open));
        open.open_streams.fetch_add(1, Ordering::Relaxed);
        Some(Stream { id, open: Arc::clone(open), state: Arc::clone(&self.state) })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.open.open_streams.fetch_sub(1, Ordering::Relaxed);
        self.state.lock().unwrap_or_else(PoisonError::into_inner).streams.remove(&self.id);
    }
}

/// Bounds the streams that need no token.
pub(super) async fn bound(
    State(streams): State<OpenStreams>,
    request: Request,
    next: Next,
) -> Response {
    let is_watch = request.uri().path() == "/grpc.health.v1.Health/Watch";
    let is_reflection = request.uri().path().starts_with("/grpc.reflection.");
    let Some(open) = request.extensions().get::<Arc<Open>>().cloned() else {
        return next.run(request).await;
    };
    if !is_watch && !is_reflection {
        end_at(Instant::now() + IDLE);
        return next.run(request).await;
    }
    if let Some(auth) = streams.auth.as_ref().filter(|_| is_reflection) {
        let identity = auth.identify(request.headers()).await;
        if let Err(fault) = identity.and_then(|identity| identity.require(&[REFLECT])) {
            return refuse(fault);
        }
        open.recognise();
    }
    let Some(stream) = streams.begin(&open) else {
        open.refuse_stream();
        let fault = Fault::new(Common::Overloaded, "too many streams without a token; close some");
        return refuse(fault.retry_after(Duration::from_secs(1)));
    };
    let request = match is_watch {
        true => request,
        false => request.map(|body| Body::new(Patient::new(body, IDLE))),
    };
    next.run(request).await.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _stream = &stream;
            frame
        }))
    })
}
