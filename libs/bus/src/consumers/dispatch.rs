//! Calls handlers, in the transaction of the caller.

use super::context::{Consumers, Handle, Registry};
use super::delivery::Delivery;
use super::outcome::Outcome;
use crate::{dead, spans};
use fault::Fault;
use fault::context::{self, Context};
use futures::FutureExt;
use pg::Tx;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{Instrument, Span};

impl Registry {
    /// Calls the handlers of events in the given order; neighbours with the same batch handler go to it together.
    pub async fn handle(
        &self,
        consumers: &Consumers,
        tx: &mut Tx,
        deliveries: &[&Delivery],
    ) -> Result<Vec<Outcome>, Failed> {
        let mut events = Vec::with_capacity(deliveries.len());
        for (position, delivery) in deliveries.iter().enumerate() {
            let found = self.handlers.get_key_value(delivery.subject());
            let (subject, handler) = found.ok_or_else(|| {
                let fault = dead::unknown_type(delivery.subject());
                Failed { fault, culprit: Some(position) }
            })?;
            events.push((*subject, *delivery, handler));
        }
        let together = events.chunk_by(|(_, _, left), (_, _, right)| {
            left.takes_batches() && Arc::ptr_eq(left, right)
        });
        let mut outcomes = Vec::with_capacity(deliveries.len());
        for run in together {
            let Some((_, _, handler)) = run.first() else { continue };
            let run: Vec<_> = run.iter().map(|(subject, event, _)| (*subject, *event)).collect();
            let started = Instant::now();
            let handled = catch_panics(handler.as_ref(), consumers, tx, &run).await;
            measure(&run, started.elapsed(), if handled.is_ok() { "done" } else { "failed" });
            outcomes.extend(handled.map_err(|fault| {
                let culprit = (run.len() == 1).then_some(outcomes.len());
                Failed { fault, culprit }
            })?);
        }
        Ok(outcomes)
    }
}

/// Why events were not handled.
pub(super) struct Failed {
    pub fault: Fault,
    /// Position of the event whose handler failed, where the handler had no other.
    pub culprit: Option<usize>,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self { fault, culprit: None }
    }
}

impl From<Failed> for Fault {
    fn from(failed: Failed) -> Self {
        failed.fault
    }
}

/// How long the handler took. Of events that it took together each counts its share.
fn measure(events: &[(&'static str, &Delivery)], took: Duration, outcome: &'static str) {
    let share = took / u32::try_from(events.len()).unwrap_or(u32::MAX).max(1);
    for (subject, delivery) in events {
        metrics::histogram!(
            "consumer_handler_seconds",
            "consumer" => delivery.consumer.to_string(), "subject" => *subject, "outcome" => outcome,
        )
        .record(share);
    }
}

/// Calls a handler under a context of its events. A panic is a bug in one handler and must not take the others down: it
/// is an internal failure of these events.
async fn catch_panics(
    handler: &dyn Handle,
    consumers: &Consumers,
    tx: &mut Tx,
    events: &[(&'static str, &Delivery)],
) -> Result<Vec<Outcome>, Fault> {
    let (context, span) = match events {
        [(_, only)] => {
            let (span, own) = spans::handling(&only.consumer, &only.envelope);
            let context = only.context(consumers.service());
            (Context { traceparent: Some(own.to_string()), ..context }, span)
        }
        _ => (Context::of_service(consumers.service()), Span::none()),
    };
    // They end with this function.
    let others = events.iter().filter(|_| events.len() > 1);
    let _others: Vec<Span> = others
        .filter_map(|(_, event)| spans::handling_with_others(&event.consumer, &event.envelope))
        .collect();
    // The handler's function itself may panic too, not only its future.
    let handled = async { handler.handle(consumers, tx, events).await };
    let handled = AssertUnwindSafe(handled).catch_unwind().instrument(span);
    let handled = context::scope(context, handled).await;
    let outcomes = handled.unwrap_or_else(|panic| {
        Err(Fault::internal(format!("the handler panicked: {}", text(&*panic))))
    })?;
    if outcomes.len() == events.len() {
        return Ok(outcomes);
    }
    let (got, given) = (outcomes.len(), events.len());
    Err(Fault::internal(format!("the handler has {got} outcomes for {given} events")))
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
