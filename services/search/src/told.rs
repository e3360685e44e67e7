//! What happens when search is told a batch of events: all become entries, one transaction merges them, and several
//! changes of one product are one write.

use crate::App;
use crate::domain::entry::{Entry, Section};
use crate::on;
use crate::store::entries;
use bus::{Batch, Outcome};
use diesel::sql_types::{Array, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
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
    for product in awaited(tx, &come).await? {
        batch.apply_early(tx, &product).await?;
    }
    app.index.wake();
    Ok(outcomes)
}

fn is_known(known: &HashMap<Uuid, bool>, id: Uuid) -> bool {
    known.get(&id).copied().unwrap_or_default()
}

/// Which of the products that have just come something waits for. Whoever keeps an event holds the row of its product, and
/// so do we: nobody can come in between.
async fn awaited(tx: &mut Tx, come: &BTreeSet<Uuid>) -> Result<Vec<String>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        awaited: String,
    }
    if come.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> =
        sql_query("select distinct awaited from early where awaited = any ($1) order by awaited")
            .bind::<Array<Text>, _>(come.iter().map(Uuid::to_string).collect::<Vec<_>>())
            .get_results(tx.conn())
            .await?;
    Ok(rows.into_iter().map(|row| row.awaited).collect())
}
