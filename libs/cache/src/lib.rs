//! Redis, for what may be lost at any time: the limits of callers, and answers that are kept for a while. No call ever fails because Redis
//! is gone.

mod alone;
pub mod answers;
mod bucket;
mod connection;
mod decision;
mod limiter;
pub mod popular;
mod shared;

pub use answers::Answers;
pub use connection::{Redis, Settings};
pub use decision::{Decision, Limit};
pub use limiter::Limiter;
pub use popular::Popular;
