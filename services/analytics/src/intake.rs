//! Events that come by a call: each is judged by itself, then those that are good are counted together.

use crate::domain::event::{Horizon, Source, TrackedEvent};
use crate::record::record;
use crate::store::refused;
use crate::{App, wire};
use analytics_api::v1::event_result::Outcome;
use analytics_api::v1::{self as proto, EventResult};
use chrono::NaiveDate;
use fault::{Fault, context};
use std::collections::BTreeSet;

/// Most refused events of a browser's call that are kept: anybody can send them.
const MAX_KEPT_OF_BROWSER: usize = 10;

/// What became of the events of a call.
#[derive(Debug, Default)]
pub struct Taken {
    /// How many were counted.
    pub accepted: i32,
    /// How many had been counted before.
    pub duplicates: i32,
    /// How many were refused.
    pub refused: i32,
    /// What became of each, in the order sent.
    pub results: Vec<EventResult>,
}

/// Counts the events of a call that are good, and keeps the others for whoever looks into them, in one transaction.
pub async fn take(
    app: &App,
    name: &'static str,
    sent: &[proto::TrackedEvent],
    source: Source,
) -> Result<Taken, Fault> {
    let horizon = app.horizon().await?;
    let judged: Vec<Result<TrackedEvent, Fault>> =
        sent.iter().map(|event| judge(event, source, horizon)).collect();
    let good: &Vec<&TrackedEvent> = &judged.iter().flatten().collect();
    let days: BTreeSet<NaiveDate> = good.iter().map(|event| event.day()).collect();
    app.add_days(&days).await?;

    let most = if source == Source::Browser { MAX_KEPT_OF_BROWSER } else { sent.len() };
    let wrong: &Vec<_> = &sent
        .iter()
        .zip(&judged)
        .filter_map(|(event, judged)| Some((event, judged.as_ref().err()?)))
        .take(most)
        .collect();
    let mut new = app
        .db
        .write(name, async move |tx| {
            let new = record(app, tx, good, source, horizon).await?;
            refused::keep(tx, wrong, &context::current().caller.subject, horizon.now).await?;
            Ok(new)
        })
        .await?;

    let mut taken = Taken::default();
    for (place, event) in judged.into_iter().enumerate() {
        let outcome = match event {
            // The first of those with the same id is the one that was counted.
            Ok(event) if new.remove(&event.id) => Outcome::Accepted,
            Ok(_) => Outcome::Duplicate,
            Err(fault) => {
                taken.results.push(refusal(place, fault));
                continue;
            }
        };
        taken.results.push(EventResult { outcome: outcome.into(), ..Default::default() });
    }
    taken.count(source);
    Ok(taken)
}

fn judge(
    sent: &proto::TrackedEvent,
    source: Source,
    horizon: Horizon,
) -> Result<TrackedEvent, Fault> {
    let event = wire::event(sent, |event, fields| {
        if source == Source::Browser {
            event.check_browser(fields);
        }
    })?;
    event.check_time(horizon)?;
    Ok(event)
}

fn refusal(place: usize, fault: Fault) -> EventResult {
    let reason = fault.reason().to_owned();
    let fault = fault.below(&format!("events[{place}]"));
    EventResult {
        outcome: Outcome::Refused.into(),
        reason,
        message: fault.message().to_owned(),
        fields: refused::paths(&fault),
    }
}

impl Taken {
    fn count(&mut self, source: Source) {
        for result in &self.results {
            match result.outcome() {
                Outcome::Accepted => self.accepted += 1,
                Outcome::Duplicate => self.duplicates += 1,
                _ => self.refused += 1,
            }
        }
        let outcomes = [
            ("accepted", self.accepted),
            ("duplicate", self.duplicates),
            ("refused", self.refused),
        ];
        for (outcome, number) in outcomes {
            metrics::counter!("analytics_events_total", "source" => source.name(), "outcome" => outcome)
                .increment(u64::try_from(number).unwrap_or_default());
        }
    }
}
