//! Redis, for what may be lost at any time: the limits of callers. No call ever fails because Redis is gone.

mod alone;
mod bucket;
mod connection;
mod decision;
mod limiter;
mod shared;

pub use connection::{Redis, Settings};
pub use decision::{Decision, Limit};
pub use limiter::Limiter;
