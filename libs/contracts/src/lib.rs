//! The contract of Souk as Rust: what all generated code shares, and the packages that every service uses.
//!
//! The code generated from `proto/souk/<service>` is a crate of its own, `<service>_api`, so that editing it rebuilds only the crates
//! that use it. Here are:
//!
//! - [`types`] and [`operations`]: the packages `souk.type` and `souk.operations`.
//! - [`methods`] and [`policy`]: timeout, rate limit and scopes of each method.
//! - [`Rpc`], [`Mutation`], [`PageRequest`]: requests with the name of their method; [`Serve`]: handlers as a gRPC server.
//! - [`Event`] and [`events`]: events with subject, key and version.
//! - [`Aggregate`]: reads any event of one aggregate.
//! - [`Reason`] and [`reasons`]: error reasons.
//! - [`Validate`]: validation rules of messages; [`codec::CheckedCodec`] applies them to every message it decodes.
//! - [`descriptors`]: the descriptor set with options and comments, for reflection and for generic clients.
//!
//! [`methods`], [`events`], [`reasons`] and [`descriptors`] cover every generated crate that is linked into the process.

// Generated code names this crate by this path, here as in every other crate.
#[doc(hidden)]
pub extern crate self as contracts;

#[macro_use]
mod include;

mod aggregate;
mod api;
pub mod bounds;
pub mod codec;
mod event;
mod packages;
mod policy;
mod reason;
mod rpc;
mod serve;
pub mod status;
mod validate;
mod violation;
mod violations;

pub use aggregate::{Aggregate, Observed, Unreadable};
pub use api::{Api, descriptors, event, events, methods, policy, reasons};
pub use event::{Event, EventInfo, Fact};
pub use packages::{operations, types};
pub use policy::{Idempotency, Policy, Priority};
pub use reason::{Kind, Reason, ReasonInfo};
pub use rpc::{Mutation, PageRequest, Rpc};
pub use serve::{Answer, Answers, Call, Refusal, Serve, Streaming, async_trait};
pub use tonic::codec::CompressionEncoding;
pub use validate::Validate;
pub use violation::{Path, Violation};
pub use violations::Violations;

/// What only generated code uses.
#[doc(hidden)]
pub mod generated {
    pub use crate::aggregate::check;
    pub use crate::validate::{has_control, is_uuid, is_zero, repeats};
    pub use inventory;
}
