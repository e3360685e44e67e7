//! What tonic leaves unread and forgives: a second message of a call that takes one, and bytes after the end of a compressed message.

use super::answer::Undecodable;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use contracts::Policy;
use flate2::bufread::GzDecoder;
use http_body::{Frame, SizeHint};
use std::error::Error;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::Status;

/// Flag and length before each message.
const PREFIX: usize = 5;

/// Refuses such a call with UNDECODABLE: sender and service would not agree on what was sent.
pub(super) fn checked(policy: &Policy, max_message_bytes: usize, request: Request) -> Request {
    let gzip = request.headers().get("grpc-encoding").is_some_and(|encoding| encoding == "gzip");
    let messages =
        Messages { single: !policy.takes_stream, gzip, max_message_bytes, ..Messages::default() };
    request.map(|body| Body::new(Checked { body, messages }))
}

/// What a caller sends, read along.
struct Checked {
    body: Body,
    messages: Messages,
}

impl http_body::Body for Checked {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        let frame = frame?;
        if let Some(data) = frame.data_ref() {
            self.messages.read(data).map_err(Status::from)?;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The messages of a call, as far as they were received.
#[derive(Default)]
struct Messages {
    /// Only one message may come.
    single: bool,
    /// Messages that are compressed are so with gzip.
    gzip: bool,
    max_message_bytes: usize,
    /// How many have ended.
    ended: u64,
    prefix: Vec<u8>,
    /// Bytes of the current message that are still to come.
    left: usize,
    /// The current message, if it is to be looked at.
    content: Option<Vec<u8>>,
}

impl Messages {
    fn read(&mut self, mut data: &[u8]) -> Result<(), Undecodable> {
        while !data.is_empty() {
            if self.single && self.ended > 0 {
                return Err(Undecodable("more follows the one message that it takes"));
            }
            if self.prefix.len() < PREFIX {
                let missing = (PREFIX - self.prefix.len()).min(data.len());
                let (prefix, rest) = data.split_at(missing);
                self.prefix.extend_from_slice(prefix);
                data = rest;
                let Ok([flag, length @ ..]) = <[u8; PREFIX]>::try_from(self.prefix.as_slice())
                else {
                    return Ok(());
                };
                self.left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                // tonic refuses one that is too large before it reads it.
                let kept = self.gzip && flag == 1 && self.left <= self.max_message_bytes;
                self.content = kept.then(Vec::new);
            }
            let (part, rest) = data.split_at(self.left.min(data.len()));
            if let Some(content) = &mut self.content {
                content.extend_from_slice(part);
            }
            (self.left, data) = (self.left - part.len(), rest);
            if self.left == 0 {
                self.end()?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Undecodable> {
        self.prefix.clear();
        self.ended += 1;
        match self.content.take() {
            Some(content) if has_more(&content, self.max_message_bytes) => {
                Err(Undecodable("more follows the end of what is compressed"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether more follows the first gzip member. What is broken or decompresses to too much is left to tonic, which refuses it.
fn has_more(content: &[u8], max_message_bytes: usize) -> bool {
    let limit = u64::try_from(max_message_bytes).unwrap_or(u64::MAX);
    let mut member = GzDecoder::new(content);
    let read = io::copy(&mut member.by_ref().take(limit.saturating_add(1)), &mut io::sink());
    read.is_ok_and(|read| read <= limit) && !member.into_inner().is_empty()
}
