use crate::listener::end_at;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use fault::{Common, Fault};
use http_body::Frame;
use http_body_util::BodyExt;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};
use tonic::Status;

/// Ends a stream on which nothing moves: with DEADLINE_EXCEEDED where the service waits for the caller's next message, without an answer
/// where the caller does not read.
#[derive(Clone, Copy)]
pub(super) struct Moving(pub(super) Duration);

impl Moving {
    pub(super) fn request(self, request: Request) -> Request {
        self.moved();
        request.map(|body| Body::new(Patient::new(body, self.0)))
    }

    pub(super) fn response(self, response: Response) -> Response {
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                self.moved();
                frame
            }))
        })
    }

    fn moved(self) {
        end_at(Instant::now() + self.0 * 2);
    }
}

/// What a caller sends, waited for no longer than `idle`.
pub(super) struct Patient {
    body: Body,
    idle: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    /// The body of a call.
    pub(super) fn new(body: Body, idle: Duration) -> Self {
        Self { body, idle, timer: None }
    }
}

impl http_body::Body for Patient {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            end_at(Instant::now() + self.idle * 2);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let idle = self.idle;
        ready!(self.timer.get_or_insert_with(|| Box::pin(sleep(idle))).as_mut().poll(cx));
        let message = format!("no message came for {} s", idle.as_secs_f64());
        let status = Status::from(Fault::new(Common::DeadlineExceeded, message));
        Poll::Ready(Some(Err(status.into())))
    }
}
