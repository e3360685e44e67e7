//! `souk.operations.v1`, mounted once in each process: it finds the service by its name, and there the operations, the dead
//! letters and the outbox. One file for each method. Every change is logged with its caller ([`audit`]).

mod discard_dead_letters;
mod get_dead_letter;
mod get_operation;
mod json;
mod list_aggregate_versions;
mod list_dead_letters;
mod list_operations;
mod list_refused_events;
mod refused_events;
mod replay_dead_letters;
mod republish_aggregates;
mod republish_events;
mod retry_refused_events;
mod times;

use crate::{Paging, Service};
use bus::Bus;
use contracts::operations::v1::Reason;
use fault::{Fault, context};
use pg::Db;
use pg::heads::Aggregates;
use std::collections::BTreeMap;
use std::fmt;

contracts::operations_service!(Operations, self);

/// Connections of a service that its operators' calls use at a time: they read many rows at once, and the service's own calls need the
/// others.
const CONNECTIONS: usize = 2;

/// What operators can look at and change: the services of this process, and the broker.
#[derive(Clone)]
pub struct Operations {
    owners: BTreeMap<&'static str, Owner>,
    bus: Bus,
    paging: Paging,
}

/// A service of this process.
#[derive(Clone)]
struct Owner {
    db: Db,
    aggregates: &'static [Aggregates],
}

impl Owner {
    /// How the aggregates of a family are published again. Refused with FAMILY_UNKNOWN.
    fn aggregates(&self, family: &str) -> Result<&'static Aggregates, Fault> {
        self.aggregates.iter().find(|own| own.family == family).ok_or_else(|| {
            let known: Vec<&str> = self.aggregates.iter().map(|own| own.family).collect();
            let service = self.db.service();
            let message = format!("{service} publishes no {family}; it has: {}", known.join(", "));
            Fault::field(Reason::FamilyUnknown, "family", message)
        })
    }
}

impl Operations {
    /// Of these services.
    pub fn new(services: &[Service], bus: Bus, paging: Paging) -> Self {
        let owners = services.iter().filter_map(|service| {
            let db = service.db.as_ref()?.share(CONNECTIONS);
            let owner = Owner { db, aggregates: service.aggregates };
            Some((service.name, owner))
        });
        Self { owners: owners.collect(), bus, paging }
    }

    /// A service of this process. Refused with SERVICE_UNKNOWN.
    fn owner(&self, service: &str) -> Result<&Owner, Fault> {
        self.owners.get(service).ok_or_else(|| {
            let message = format!("{service} is not served by this process");
            Fault::field(Reason::ServiceUnknown, "service", message)
        })
    }

    /// Its database.
    fn database(&self, service: &str) -> Result<&Db, Fault> {
        self.owner(service).map(|owner| &owner.db)
    }
}

/// Logs who changed what, and how many.
fn audit(service: &str, what: &str, count: i64, which: &impl fmt::Debug) {
    let context = context::current();
    let caller = &context.caller.subject;
    tracing::info!(caller, service, count, ?which, "an operator {what}");
}
