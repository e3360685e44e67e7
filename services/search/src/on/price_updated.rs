//! A price was set: its entry is the whole price. Which price applies is decided when somebody searches.

use super::uuid;
use crate::domain::entry::{Entry, Section};
use contracts::pricing::v1::PriceUpdated;
use fault::Fault;
use prost::Message;

/// The entry that the event makes.
pub fn price_updated(event: PriceUpdated) -> Result<Entry, Fault> {
    let price = event.price.unwrap_or_default();
    Ok(Entry {
        section: Section::Price,
        source_id: uuid("price.price_id", &price.price_id)?,
        version: price.version,
        product_id: Some(uuid("price.product_id", &price.product_id)?),
        body: Some(price.encode_to_vec()),
        filing: None,
    })
}
