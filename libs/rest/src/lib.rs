//! JSON over HTTP from the same contract. A method with a `google.api.http` annotation is served at its path: the request becomes the
//! method's message, which goes through the same gRPC stack as any other call, and the answer becomes JSON.
//!
//! - [`Routes`]: which methods are at which paths, read from the descriptors.
//! - [`openapi`]: the same as a document.
//! - [`Front`]: a tower service that answers HTTP by calling a gRPC service.

mod answer;
mod frames;
mod lines;
mod money;
mod names;
pub mod openapi;
mod page;
mod query;
mod refusal;
mod request;
mod routes;
pub mod scan;
mod service;
mod template;

pub use answer::{has, json};
pub use refusal::of_fault as refuse;
pub use routes::{Route, Routes, Verb};
pub use service::{At, Front, correlation};
