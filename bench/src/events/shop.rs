//! The events, and the consumer that has one upsert as its effect.

use super::size::Size;
use anyhow::{Result, ensure};
use bus::{Outcome, Received};
use contracts::{Event, Fact};
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Db, Tx, outbox};
use pricing_api::v1::{Item, Price, PriceUpdated, item::Name};
use prost::Message;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// Bytes of each event.
const BYTES: usize = 512;

/// Changes of each aggregate in a backlog.
const VERSIONS: usize = 5;

/// Ids of `count` prices.
pub fn ids(size: Size, count: usize) -> Vec<Uuid> {
    let mut random = StdRng::seed_from_u64(size.seed);
    (0..count).map(|_| Uuid::from_u128(random.random())).collect()
}

/// A price's change as an event of just as many bytes.
pub fn event(id: Uuid, version: i64) -> Result<PriceUpdated> {
    let item = Some(Item { name: Some(Name::Sku("sku".to_owned())) });
    let price = Price { price_id: id.to_string(), item, version, ..Price::default() };
    let mut event = PriceUpdated { price: Some(price), changed: vec![" ".repeat(200)] };
    let missing = BYTES.saturating_sub(event.encoded_len());
    event.changed = vec![" ".repeat(200 + missing)];
    ensure!(event.encoded_len() == BYTES, "an event has {} bytes", event.encoded_len());
    Ok(event)
}

/// The backlog's changes, in the order in which they are made.
pub fn changes(size: Size) -> Vec<(Uuid, i64)> {
    let ids = ids(size, size.backlog / VERSIONS);
    (1..).take(VERSIONS).flat_map(|version| ids.iter().map(move |id| (*id, version))).collect()
}

/// Commits changes that are not published yet.
pub async fn fill(db: &Db, changes: &[(Uuid, i64)]) -> Result<()> {
    for some in changes.chunks(1000) {
        let events = some.iter().map(|(id, version)| event(*id, *version));
        let facts: Vec<Fact> =
            events.map(|event| event.map(|event| Fact::from(&event))).collect::<Result<_>>()?;
        let facts = &facts;
        db.write("bench.fill", async move |tx| outbox::append(tx, facts.iter().cloned()).await)
            .await?;
    }
    Ok(())
}

/// Keeps the newest version of each price.
pub async fn price_updated(
    _: &(),
    tx: &mut Tx,
    event: Received<PriceUpdated>,
) -> Result<Outcome, Fault> {
    sql_query(
        "insert into seen (key, version) values ($1, $2)
         on conflict (key) do update set version = excluded.version
         where seen.version < excluded.version",
    )
    .bind::<Text, _>(event.key())
    .bind::<BigInt, _>(event.version())
    .execute(tx.conn())
    .await?;
    Ok(Outcome::Done)
}
