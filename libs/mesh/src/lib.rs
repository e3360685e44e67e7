//! Boots a service of Souk. What all services have in common is implemented here: configuration, logs, traces and
//! metrics, who calls, how a call is served and made, health, and how a process ends.
//!
//! A binary goes through it in this order:
//! 1. [`config`]: [`Config::load`] reads every setting and names all problems at once.
//! 2. [`telemetry::init`]: logs, traces, metrics.
//! 3. [`serve()`]: binds the ports, opens the keys, lets each [`Role`] build its [`Service`] on a [`Backing`], and serves them by the
//!    one [server stack](mod@server) until [`Running::finished`].
//!
//! Handlers use [`Paging`] for page tokens. A service that copies what others own compares its copies
//! with a [`Reconciler`].

// Configuration.
pub mod config;

// Telemetry.
mod panics;
pub mod telemetry;

// Authentication.
pub mod auth;
mod door;
pub mod front;
pub mod identity;
mod listener;

// Servers and clients.
pub mod client;
pub mod server;

// The life cycle of a process.
pub mod admin;
mod backing;
pub mod boot;
mod check;
mod health;
pub mod operations;
pub mod readiness;
pub mod role;
pub mod running;
pub mod service;
pub mod signals;
pub mod tasks;
pub mod tls;

// What handlers share.
pub mod cached;
pub mod paging;

// What services with copies of others' data share.
pub mod reconcile;

pub use backing::Backing;
pub use boot::{Boot, BootError};
pub use cached::Cached;
pub use check::Check;
pub use client::Client;
pub use config::Config;
pub use door::{Door, Visitor};
pub use paging::{Page, Paging};
pub use reconcile::{Projection, Reconciler};
pub use role::{Role, configure, serve};
pub use running::{Died, Running};
pub use service::Service;
pub use tasks::Tasks;
