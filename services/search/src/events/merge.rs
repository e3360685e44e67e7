//! A batch of events: all become entries, one transaction merges them, and several changes of one product are one write.

use crate::App;
use crate::domain::entry::{Entry, Section};
use crate::events::entries::entry;
use crate::store::{entries, warehouses};
use bus::{Batch, Outcome};
use chrono::Utc;
use fault::Fault;
use pg::Tx;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// The subjects of all events that search consumes.
pub fn subjects() -> impl Iterator<Item = &'static str> {
    Section::ALL.into_iter().flat_map(Section::subjects).copied()
}

/// Merges a batch of events. An event about a product that was not received yet waits for it.
pub async fn merge(app: &App, tx: &mut Tx, batch: Batch) -> Result<Vec<Outcome>, Fault> {
    let received: Vec<Entry> = batch
        .events
        .iter()
        .map(|event| entry(section(event.subject)?, event.subject, &event.payload))
        .collect::<Result<_, Fault>>()?;
    let told = |of: Section| received.iter().any(|entry| entry.section == of);
    warehouses::take_turns(tx, told(Section::Warehouse)).await?;
    let products: BTreeSet<Uuid> = received.iter().filter_map(|entry| entry.product_id).collect();
    let known = entries::lock_products(tx, &products).await?;
    let come: BTreeSet<Uuid> = received
        .iter()
        .filter(|entry| entry.section == Section::Product && !is_known(&known, entry.source_id))
        .map(|entry| entry.source_id)
        .collect();

    let outcome = |entry: &Entry| match entry.product_id {
        Some(id) if !is_known(&known, id) && !come.contains(&id) => Outcome::early(id.to_string()),
        _ => Outcome::Done,
    };
    let outcomes: Vec<Outcome> = received.iter().map(outcome).collect();
    record_lag(&batch, &received, &outcomes);
    let now = received.into_iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Outcome::Done);
    entries::merge(tx, now.map(|(entry, _)| entry).collect()).await?;
    if !come.is_empty() {
        let come: Vec<String> = come.iter().map(Uuid::to_string).collect();
        batch.apply_early(tx, &come).await?;
    }
    tx.notify_after_commit(app.index.commit_signal());
    Ok(outcomes)
}

/// How old the events are that are merged now. One that waited for its product has the age that it got by that.
fn record_lag(batch: &Batch, received: &[Entry], outcomes: &[Outcome]) {
    let now = Utc::now();
    for ((event, entry), outcome) in batch.events.iter().zip(received).zip(outcomes) {
        if *outcome == Outcome::Done {
            let lag = (now - event.at).to_std().unwrap_or_default();
            metrics::histogram!("search_section_lag_seconds", "section" => entry.section.name())
                .record(lag);
        }
    }
}

fn section(subject: &str) -> Result<Section, Fault> {
    let section = Section::ALL.into_iter().find(|own| own.subjects().contains(&subject));
    section.ok_or_else(|| Fault::internal(format!("nothing consumes {subject}")))
}

fn is_known(known: &HashMap<Uuid, bool>, id: Uuid) -> bool {
    known.get(&id).copied().unwrap_or_default()
}
