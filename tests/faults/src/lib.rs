//! Shows that Souk keeps its promise about events: a committed change is published, in order per key, and has its effect
//! exactly once in every consumer, whatever dies meanwhile.
//!
//! A run has a [`fixture`]: databases, a broker, and processes ([`process`]) that a supervisor ([`supervise`]) kills and starts
//! again by a [`schedule`], some of them with a [`proxy`] between them and a server. All that happens is recorded in a [`history`]; when all is quiet
//! the servers' [`state`] is added, and [`check`] decides offline whether the promise was kept. [`points`] lists where a
//! process can be made to die, fail or wait. [`run`] holds the runs of the battery, each with the numbers of its short tier
//! and of its full one.
#![expect(clippy::print_stdout, reason = "its output is what it is run for")]

pub mod event;

pub mod history;

pub mod check;
pub mod figures;

pub mod process;
pub mod proxy;
pub mod supervise;

pub mod points;
pub mod schedule;

pub mod databases;
pub mod fixture;
pub mod folder;
pub mod postgres;
pub mod state;

pub mod run;
