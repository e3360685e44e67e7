//! Events of the mesh that are counted too. A publisher named in `domain/types.rs` adds a handler here: it makes a message of its event,
//! [`observe`] does the rest.
//!
//! ```text
//! pub async fn order_created(app: &App, tx: &mut Tx, event: Received<OrderCreated>) -> Result<Outcome, Fault> {
//!     observe(app, tx, event.id, event.at, tracked(&event)).await
//! }
//! ```

use crate::App;
use crate::domain::event::{Horizon, Source};
use crate::record::record;
use crate::store::days;
use crate::wire;
use analytics_api::v1::TrackedEvent;
use bus::Outcome;
use chrono::{DateTime, Utc};
use convert::timestamp;
use fault::Fault;
use pg::Tx;
use uuid::Uuid;

/// Subjects of the events that handlers of this file take. A test fails where a publisher of `domain/types.rs` has arrived and is not here.
pub const SUBJECTS: [&str; 0] = [];

/// Counts an event of the mesh under its own id, once, in the transaction that handles it. One that breaks a rule is refused with the
/// path of the field, and so becomes a dead letter.
pub async fn observe(
    app: &App,
    tx: &mut Tx,
    id: Uuid,
    at: DateTime<Utc>,
    told: TrackedEvent,
) -> Result<Outcome, Fault> {
    let told = TrackedEvent { event_id: id.to_string(), occurred_at: Some(timestamp(at)), ..told };
    let event = wire::event(&told, |_, _| ())?;
    let horizon = Horizon { now: tx.now().await?, days: app.kept_days };
    event.check_time(horizon)?;
    days::add(tx, event.day()).await?;
    let new = record(app, tx, &[&event], Source::Event, horizon).await?;
    let outcome = if new.is_empty() { "duplicate" } else { "accepted" };
    metrics::counter!("analytics_events_total", "source" => Source::Event.name(), "outcome" => outcome)
        .increment(1);
    Ok(Outcome::Done)
}
