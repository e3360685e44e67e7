//! The error type of all services. A [`Fault`] has a reason ([`contracts::Reason`]), a [`Kind`], the invalid fields
//! ([`contracts::Violation`]) and a cause that is never sent to callers. The kind determines the gRPC code, whether a caller retries,
//! what a consumer does with the event, and the log level.
//!
//! Services create a `tonic::Status` only by converting a `Fault`, or in the codec of `contracts`.

pub mod context;
mod database;
mod fault;
pub mod point;
mod sample;
mod status;
pub mod trace;

pub use contracts::Kind;
pub use contracts::types::v1::Reason as Common;
pub use fault::Fault;
