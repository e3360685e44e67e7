//! What happens when search is told something: every event becomes an entry, and `store::entries` merges a batch of them at
//! once.

pub mod attribute_config_changed;
pub mod brand_created;
pub mod brand_deleted;
pub mod brand_updated;
pub mod category_created;
pub mod category_deleted;
pub mod category_updated;
pub mod price_deleted;
pub mod price_updated;
pub mod product_created;
pub mod product_deleted;
pub mod product_updated;
pub mod variant_created;
pub mod variant_deleted;
pub mod variant_updated;

use crate::domain::entry::Entry;
use contracts::Event;
use contracts::catalog::v1 as catalog;
use contracts::pricing::v1 as pricing;
use fault::{Common, Fault};
use uuid::Uuid;

type Read = fn(&[u8]) -> Result<Entry, Fault>;

/// Every event that search listens to, by subject.
const TOLD: &[(&str, Read)] = &[
    (catalog::ProductCreated::SUBJECT, |bytes| product_created::product_created(decode(bytes)?)),
    (catalog::ProductUpdated::SUBJECT, |bytes| product_updated::product_updated(decode(bytes)?)),
    (catalog::ProductDeleted::SUBJECT, |bytes| product_deleted::product_deleted(decode(bytes)?)),
    (catalog::VariantCreated::SUBJECT, |bytes| variant_created::variant_created(decode(bytes)?)),
    (catalog::VariantUpdated::SUBJECT, |bytes| variant_updated::variant_updated(decode(bytes)?)),
    (catalog::VariantDeleted::SUBJECT, |bytes| variant_deleted::variant_deleted(decode(bytes)?)),
    (catalog::CategoryCreated::SUBJECT, |bytes| category_created::category_created(decode(bytes)?)),
    (catalog::CategoryUpdated::SUBJECT, |bytes| category_updated::category_updated(decode(bytes)?)),
    (catalog::CategoryDeleted::SUBJECT, |bytes| category_deleted::category_deleted(decode(bytes)?)),
    (catalog::BrandCreated::SUBJECT, |bytes| brand_created::brand_created(decode(bytes)?)),
    (catalog::BrandUpdated::SUBJECT, |bytes| brand_updated::brand_updated(decode(bytes)?)),
    (catalog::BrandDeleted::SUBJECT, |bytes| brand_deleted::brand_deleted(decode(bytes)?)),
    (catalog::AttributeConfigChanged::SUBJECT, |bytes| {
        attribute_config_changed::attribute_config_changed(decode(bytes)?)
    }),
    (pricing::PriceUpdated::SUBJECT, |bytes| price_updated::price_updated(decode(bytes)?)),
    (pricing::PriceDeleted::SUBJECT, |bytes| price_deleted::price_deleted(decode(bytes)?)),
];

/// Subjects that search listens to.
pub fn subjects() -> impl Iterator<Item = &'static str> {
    TOLD.iter().map(|(subject, _)| *subject)
}

/// The entry that an event makes, found by its subject.
pub fn entry(subject: &str, payload: &[u8]) -> Result<Entry, Fault> {
    let told = TOLD.iter().find(|(told, _)| *told == subject);
    let (_, read) = told.ok_or_else(|| Fault::internal(format!("nobody listens to {subject}")))?;
    read(payload)
}

fn decode<E: Event>(payload: &[u8]) -> Result<E, Fault> {
    let event = E::decode(payload).map_err(|error| {
        Fault::new(Common::Undecodable, "the event cannot be decoded").because(error)
    })?;
    let violations = event.violations();
    if violations.is_empty() { Ok(event) } else { Err(Fault::invalid(violations)) }
}

fn uuid(field: &str, text: &str) -> Result<Uuid, Fault> {
    Uuid::parse_str(text)
        .map_err(|_| Fault::field(Common::InvalidField, field, "must be a valid UUID"))
}
