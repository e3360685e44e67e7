//! How a service consumes events. One durable consumer for each publisher, `search-from-catalog`, found by the subjects of the
//! handlers:
//!
//! ```text
//! Consumers::new(db, bus)
//!     .project(app.clone(), events::product::product)
//!     .on(app.clone(), events::price_updated::price_updated)
//!     .run(stop)
//!     .await
//! ```
//!
//! A handler is one async function: `async fn product_created(app: &App, tx: &mut Tx, event: Received<ProductCreated>) ->
//! Result<Outcome, Fault>`. It does SQL on `tx` and nothing else, because it may run more than once, and together with
//! other events in one transaction. It writes by version: see the crate's page. A copy of another service's aggregates is kept by
//! one function for all their events: [`projection`].
//!
//! The path of a message:
//!
//! - [`run`] starts everything; [`follow`] takes a message off the broker, [`in_progress`] extends its acknowledgement deadline,
//!   [`workers`] gives it to the worker of its key.
//! - [`effect`] does the transactions, [`dispatch`] calls the handlers in them.
//! - [`acknowledge`] decides how a message is acknowledged, [`backoff`] after which pause it is delivered again.
//! - [`outage`] waits for the database; [`attempts`] counts failures.
//! - [`early`] keeps an event that arrives before the aggregate that it refers to, [`overdue`] makes a dead letter of one that waited too long.
//! - [`isolation`] is the lane for messages that were delivered too often, [`isolated`] runs one of them alone in the process.
//! - [`deferred`] and [`parked`] run in isolation what no message starts.
//! - [`backlog`] says which aggregates have events that are not handled yet, for comparisons of copies with their owners.
//! - [`advisories`] finds messages that the broker no longer delivers, [`upkeep`] runs periodic tasks, [`replay`] runs what operators request.

mod acknowledge;
mod advisories;
mod attempts;
mod backlog;
mod backoff;
mod context;
mod deferred;
mod delivery;
mod dispatch;
mod durable;
mod early;
mod effect;
mod follow;
mod handler;
mod in_progress;
mod isolated;
mod isolation;
mod outage;
mod outcome;
mod overdue;
mod parked;
mod projection;
mod registry;
mod replay;
mod replay_one;
mod run;
mod settings;
mod unavailable;
mod upkeep;
mod workers;

pub use context::{Consumers, Copied};
pub use handler::{Arrived, Batch, BatchHandler, Handler, Received};
pub use outcome::Outcome;
pub use projection::{BatchKeeper, Keeper};
pub use replay_one::Replayed;
pub use settings::Tuning;
