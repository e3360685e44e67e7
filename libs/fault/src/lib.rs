//! One vocabulary of failure for every service. A [`Fault`] says what was wrong ([`contracts::Reason`]), which class of
//! failure it is ([`Kind`]), where ([`contracts::Violation`]) and, privately, why (its cause). The kind alone decides the
//! gRPC code, whether a caller retries, what a consumer does with the event, and how loud the log is.
//!
//! Besides the contract's codec, this crate is the only maker of `tonic::Status`.

pub mod context;
mod database;
mod fault;
pub mod point;
mod status;

pub use contracts::Kind;
pub use contracts::types::v1::Reason as Common;
pub use fault::Fault;
