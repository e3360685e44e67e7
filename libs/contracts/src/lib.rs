//! The contract of Souk, generated from `proto/` by the root `build.rs`: messages, clients and servers, and tables of the custom
//! options.
//!
//! - [`catalog`], [`pricing`] and so on: one module for each package of `proto/souk`; [`types`] is that of `souk.type`.
//! - [`METHODS`] and [`policy`]: timeout, rate limit and scopes of each method.
//! - [`Rpc`], [`Mutation`], [`PageRequest`]: requests with the name of their method; [`Serve`]: handlers as a gRPC server.
//! - [`Event`] and [`EVENTS`]: events with subject, key and version.
//! - [`Aggregate`]: reads any event of one aggregate.
//! - [`Reason`] and [`REASONS`]: error reasons.
//! - [`Validate`]: validation rules of messages; [`codec::CheckedCodec`] applies them to every message it decodes.
//! - [`DESCRIPTORS`]: the descriptor set with options and comments, for reflection and for generic clients.

mod aggregate;
pub mod codec;
mod event;
mod lookup;
mod policy;
mod reason;
mod rpc;
mod serve;
mod validate;

pub use aggregate::{Aggregate, Observed, Unreadable};
pub use event::{Event, EventInfo, Fact};
pub use lookup::policy;
pub use messages::souk::r#type as types;
pub use messages::souk::*;
pub use policy::{Idempotency, Policy};
pub use reason::{Kind, Reason, ReasonInfo};
pub use rpc::{Mutation, PageRequest, Rpc};
pub use serve::{Answer, Answers, Call, Refusal, Serve, Streaming, async_trait};
pub use tables::{EVENTS, METHODS, REASONS};
pub use tonic::codec::CompressionEncoding;
pub use validate::{Path, Validate, Violation};

/// The encoded `google.protobuf.FileDescriptorSet` of the whole contract, with custom options and comments.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[allow(
    clippy::all,
    missing_docs,
    unused_qualifications,
    reason = "generated; its comments are those of the contract"
)]
mod messages;
#[allow(clippy::needless_update, reason = "generated")]
mod tables;
#[allow(
    clippy::all,
    clippy::expect_used,
    unreachable_patterns,
    unused_qualifications,
    reason = "generated; the build compiled every pattern"
)]
mod validators;
