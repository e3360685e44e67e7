//! The only client stack: everything that is done to a call between a generated client and the network.
//!
//! A [`Channel`] calls one service by its name: `PricingServiceClient::new(channel)`. In the order in which a call meets them:
//! - `measure`: times and counts it as the caller sees it.
//! - [`Prepare`]: who calls, in whose name, until when.
//! - `bulkhead` and [`breaker`]: a service that is slow or down holds up nobody but those who need it, and only for short.
//! - `repeat`: what failed is repeated where the contract says that it can be, within a budget and the deadline.
//! - `pool`: each attempt goes to the less busy of two replicas; those that are broken or slow are left out for a time.
//! - `refresh`: which replicas there are, asked again and again, and connections that are replaced before they are old.

mod answer;
mod breaker;
mod budget;
mod channel;
mod health;
pub mod measure;
mod options;
mod pool;
mod refresh;
mod repeat;
mod replica;
mod request;
mod request_id;
mod resolve;
mod typical;

pub use answer::refusal;
pub use channel::Channel;
pub use options::{ClientTls, Options, Prepare};
pub use request::grpc_timeout;
pub use resolve::{Dns, Resolve};
