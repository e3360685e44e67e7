//! What happens when search is told a batch of events: all become entries, one transaction merges them, and several
//! changes of one product are one write.

use crate::App;
use crate::domain::entry::{Entry, Section};
use crate::on;
use crate::store::entries;
use bus::{Batch, Outcome};
use fault::Fault;
use pg::Tx;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Merges what events say. An event about a product that has not come yet waits for it.
pub async fn told(app: &App, tx: &mut Tx, batch: Batch) -> Result<Vec<Outcome>, Fault> {
    let said: Vec<Entry> = batch
        .events
        .iter()
        .map(|event| on::entry(event.subject, &event.payload))
        .collect::<Result<_, Fault>>()?;
    let products: BTreeSet<Uuid> = said.iter().filter_map(|entry| entry.product_id).collect();
    let known = entries::lock_products(tx, &products).await?;
    let come: BTreeSet<Uuid> = said
        .iter()
        .filter(|entry| entry.section == Section::Product && !is_known(&known, entry.source_id))
        .map(|entry| entry.source_id)
        .collect();

    let outcome = |entry: &Entry| match entry.product_id {
        Some(id) if !is_known(&known, id) && !come.contains(&id) => Outcome::early(id.to_string()),
        _ => Outcome::Done,
    };
    let outcomes: Vec<Outcome> = said.iter().map(outcome).collect();
    let now = said.into_iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Outcome::Done);
    entries::merge(tx, now.map(|(entry, _)| entry).collect()).await?;
    if !come.is_empty() {
        let come: Vec<String> = come.iter().map(Uuid::to_string).collect();
        batch.apply_early(tx, &come).await?;
    }
    app.index.wake();
    Ok(outcomes)
}

fn is_known(known: &HashMap<Uuid, bool>, id: Uuid) -> bool {
    known.get(&id).copied().unwrap_or_default()
}
