//! Streams as lines of JSON: one message on each.

use crate::frames::{Frames, frame};
use crate::{answer, refusal, request};
use bytes::{Bytes, BytesMut};
use fault::{Common, Fault};
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::BoxError;

const BROKEN: &str = "the answer breaks off";

/// What was wrong with a line, for the end of the answer.
pub(crate) type Wrong = Arc<Mutex<Option<Status>>>;

/// The lines of a body as framed messages. A line that is none ends them, and is put aside.
pub(crate) fn messages<R>(body: R, input: MessageDescriptor, max: usize) -> (Body, Wrong)
where
    R: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<BoxError>,
{
    let wrong = Wrong::default();
    let lines = Lines { body, input, buffer: BytesMut::new(), line: 0, max, ended: false };
    let aside = Arc::clone(&wrong);
    let frames = stream::unfold(lines, move |mut lines| {
        let aside = Arc::clone(&aside);
        async move {
            match lines.next().await? {
                Ok(message) => Some((Ok(Frame::data(frame(&message.encode_to_vec()))), lines)),
                Err(fault) => {
                    let status = Status::from(fault);
                    let mut aside = aside.lock().unwrap_or_else(PoisonError::into_inner);
                    *aside = Some(status.clone());
                    drop(aside);
                    lines.ended = true;
                    Some((Err(status), lines))
                }
            }
        }
    });
    (Body::new(StreamBody::new(Box::pin(frames))), wrong)
}

struct Lines<R> {
    body: R,
    input: MessageDescriptor,
    buffer: BytesMut,
    line: u64,
    max: usize,
    ended: bool,
}

impl<R> Lines<R>
where
    R: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<BoxError>,
{
    async fn next(&mut self) -> Option<Result<DynamicMessage, Fault>> {
        loop {
            let line = self.take_line().await?;
            let line = match line {
                Ok(line) => line,
                Err(fault) => return Some(Err(fault)),
            };
            self.line += 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let place = format!("line {}", self.line);
            return Some(request::text(&self.input, &line).map_err(|fault| fault.below(&place)));
        }
    }

    async fn take_line(&mut self) -> Option<Result<Bytes, Fault>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                return Some(Ok(line.freeze()));
            }
            if self.ended {
                let rest = self.buffer.split();
                return (!rest.is_empty()).then(|| Ok(rest.freeze()));
            }
            if self.buffer.len() > self.max {
                let message = format!("a line has more than {} bytes", self.max);
                return Some(Err(Fault::new(Common::MessageTooLarge, message)));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                // Whoever sent it is gone.
                Some(Err(_)) | None => self.ended = true,
            }
        }
    }
}

/// The messages of an answer as lines. What goes wrong after the first is the last line, under `error`.
pub(crate) async fn answer<B>(
    response: Response<B>,
    output: MessageDescriptor,
    wrong: Wrong,
    id: &str,
) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let (head, body) = response.into_parts();
    if let Some(status) = Status::from_header_map(&head.headers)
        && status.code() != Code::Ok
    {
        return refusal::of_status(or_wrong(status, &wrong), false, id);
    }
    let mut messages = Box::pin(decoded(body, output));
    let first = match messages.next().await {
        Some(Err(status)) => return refusal::of_status(or_wrong(status, &wrong), false, id),
        Some(Ok(line)) => Some(line),
        None => None,
    };
    let id = id.to_owned();
    let rest = messages.map(move |line| match line {
        Ok(line) => line,
        Err(status) => error(&or_wrong(status, &wrong), &id),
    });
    let lines = stream::iter(first).chain(rest).map(|line| Ok::<_, Status>(Frame::data(line)));
    let mut response = Response::new(Body::new(StreamBody::new(Box::pin(lines))));
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn or_wrong(status: Status, wrong: &Wrong) -> Status {
    let wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner).take();
    wrong.unwrap_or(status)
}

fn error(status: &Status, id: &str) -> Bytes {
    let fault = Fault::answered(status.clone());
    let error = json!({ "reason": fault.reason(), "message": fault.message(), "request_id": id });
    format!("{}\n", json!({ "error": error })).into()
}

fn decoded<B>(body: B, output: MessageDescriptor) -> impl Stream<Item = Result<Bytes, Status>>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let state = (body, Frames::default(), output, false);
    stream::unfold(state, |(mut body, mut frames, output, ended)| async move {
        if ended {
            return None;
        }
        loop {
            if let Some(message) = frames.next() {
                let line = line(&output, message);
                return Some((line, (body, frames, output, false)));
            }
            let frame = match body.frame().await {
                Some(Ok(frame)) => frame,
                broken => {
                    let why = broken.and_then(Result::err).map(|error| error.into().to_string());
                    let status = Status::unavailable(why.unwrap_or_else(|| BROKEN.to_owned()));
                    return Some((Err(status), (body, frames, output, true)));
                }
            };
            match frame.into_data() {
                Ok(data) => frames.push(&data),
                Err(frame) => {
                    let trailers: HeaderMap = frame.into_trailers().unwrap_or_default();
                    let status = Status::from_header_map(&trailers)?;
                    if status.code() == Code::Ok {
                        return None;
                    }
                    return Some((Err(status), (body, frames, output, true)));
                }
            }
        }
    })
}

fn line(output: &MessageDescriptor, message: Bytes) -> Result<Bytes, Status> {
    let message = DynamicMessage::decode(output.clone(), message);
    let message = message.map_err(|error| Status::internal(error.to_string()))?;
    Ok(format!("{}\n", answer::json(&message)).into())
}
