//! Brands, categories, attributes and warehouses, which many documents share.

use crate::domain::entry::Section;
use crate::domain::shared::Shared;
use crate::domain::stock::ships;
use crate::schema::entries;
use catalog_api::v1::{Attribute, Brand, Category};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::Tx;
use prost::Message;
use uuid::Uuid;
use warehouse_api::v1::Warehouse;

/// All brands, categories, attributes and warehouses that exist.
pub async fn load(tx: &mut Tx) -> Result<Shared, Fault> {
    let rows: Vec<(String, Uuid, Option<Vec<u8>>)> = entries::table
        .filter(entries::product_id.is_null().and(entries::body.is_not_null()))
        .select((entries::section, entries::source_id, entries::body))
        .load(tx.conn())
        .await?;
    let mut shared = Shared::default();
    for (section, id, body) in rows {
        let body = body.unwrap_or_default();
        match Section::of(&section) {
            Some(Section::Brand) => {
                shared.brands.insert(id, decode::<Brand>(&body)?.name);
            }
            Some(Section::Category) => {
                let category: Category = decode(&body)?;
                shared.parents.insert(id, Uuid::parse_str(&category.parent_id).ok());
                shared.categories.insert(id, category.name);
            }
            Some(Section::Attribute) => {
                let attribute: Attribute = decode(&body)?;
                shared.allow(attribute.definition.unwrap_or_default());
            }
            Some(Section::Warehouse) if ships(&decode::<Warehouse>(&body)?) => {
                shared.warehouses.insert(id);
            }
            _ => {}
        }
    }
    Ok(shared)
}

/// Categories and all that are below them.
pub async fn below(tx: &mut Tx, categories: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    if categories.is_empty() {
        return Ok(Vec::new());
    }
    let shared = load(tx).await?;
    let mut below: Vec<Uuid> = shared
        .parents
        .keys()
        .copied()
        .filter(|id| shared.line(*id).iter().any(|above| categories.contains(above)))
        .collect();
    // A category that has just been deleted is in no line any more.
    below.extend_from_slice(categories);
    Ok(below)
}

fn decode<M: Message + Default>(body: &[u8]) -> Result<M, Fault> {
    M::decode(body).map_err(|error| Fault::internal(error).context("read an entry"))
}
