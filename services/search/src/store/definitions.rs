//! Which documents a changed definition of an attribute changes: those with its values, where their texts may be searched.

use crate::domain::entry::{Entry, Section};
use crate::domain::shared::may_be_searched;
use catalog_api::v1::{Attribute, AttributeValue};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Binary, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Tx, statement};
use prost::Message;
use uuid::Uuid;

/// Products that have values of the changed definitions; their rows are locked.
///
/// No index leads there. Definitions rarely change, and an index of every code of every entry would be written with each change of a
/// product.
pub async fn users(tx: &mut Tx, changed: &[&Entry]) -> Result<Vec<Uuid>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        product_id: Uuid,
    }
    let definitions = changed.iter().filter(|entry| entry.section == Section::Attribute);
    let values: Vec<Option<Vec<u8>>> =
        definitions.map(|entry| value_begins(entry)).collect::<Result<_, _>>()?;
    let values: Vec<Vec<u8>> = values.into_iter().flatten().collect();
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = statement(
        "select product_id from documents where product_id in (
             select e.product_id from entries e
             where e.section in ('product', 'variant')
               and exists (select from unnest($1) as value where position(value in e.body) > 0))
         order by product_id for update",
    )
    .bind::<Array<Binary>, _>(values)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.product_id).collect())
}

/// The bytes with which each value of the definition begins in an entry; none if no document depends on what it says.
fn value_begins(definition: &Entry) -> Result<Option<Vec<u8>>, Fault> {
    let body = definition.body.as_deref().unwrap_or_default();
    let attribute =
        Attribute::decode(body).map_err(|error| Fault::internal(error).context("read an entry"))?;
    let draft = attribute.definition.unwrap_or_default();
    let is_first = definition.version == 1;
    let changes = may_be_searched(draft.r#type()) && (draft.searchable || !is_first);
    let begin = AttributeValue { code: draft.code, value: None };
    Ok(changes.then(|| begin.encode_to_vec()))
}
