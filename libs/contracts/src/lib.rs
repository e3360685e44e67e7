//! The contract of Souk, generated from `proto/` by the root `build.rs`: messages with their clients and servers, and what
//! our own options say about them.
//!
//! - [`catalog`], [`pricing`], [`search`], [`operations`], [`types`]: one module for each package of `proto/souk`.
//! - [`METHODS`] and [`policy`]: how each method is served.
//! - [`Event`] and [`EVENTS`]: what is published, under which subject, by which key and version.
//! - [`Reason`] and [`REASONS`]: why a call can be refused.
//! - [`Validate`]: the rules of every message, applied by [`codec::CheckedCodec`] to all that arrives.
//! - [`DESCRIPTORS`]: the descriptor set with options and comments, for reflection and for generic clients.

pub mod codec;
mod event;
mod mutation;
mod policy;
mod reason;
mod validate;

pub use event::{Event, EventInfo, Fact};
pub use messages::souk::{catalog, operations, pricing, search, r#type as types};
pub use mutation::Mutation;
pub use policy::{Idempotency, Policy, policy};
pub use reason::{Kind, Reason, ReasonInfo};
pub use tables::{EVENTS, METHODS, REASONS};
pub use validate::{Path, Validate, Violation};

/// The encoded `google.protobuf.FileDescriptorSet` of the whole contract, with custom options and comments.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[allow(
    clippy::all,
    missing_docs,
    unused_qualifications,
    reason = "generated; its comments are those of the contract"
)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

mod tables {
    use crate::event::{Event, EventInfo, Fact};
    use crate::mutation::Mutation;
    use crate::policy::{Idempotency, Policy};
    use crate::reason::{Kind, Reason, ReasonInfo};

    include!(concat!(env!("OUT_DIR"), "/tables.rs"));
}

#[allow(
    clippy::all,
    clippy::expect_used,
    unreachable_patterns,
    unused_qualifications,
    reason = "generated; the build compiled every pattern"
)]
mod validators {
    use crate::validate::{Path, Validate, Violation, is_uuid, is_zero, repeats};

    include!(concat!(env!("OUT_DIR"), "/validators.rs"));
}
