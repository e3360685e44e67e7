//! Products.

use super::values::{self, Owner};
use super::{list, race, unreadable};
use crate::domain::brand::Brand;
use crate::domain::category::Category;
use crate::domain::free::Free;
use crate::domain::product::{Content, Product, References, Status};
use crate::schema::{product_categories, product_keys, products};
use catalog_api::v1::Reason;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Array, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::head::{Change, Head};
use kernel::id::Id;
use kernel::name::fold;
use pg::entity::{self, Stored};
use pg::{Columns, Tx, statement};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// A product as it is read.
#[derive(QueryableByName)]
#[diesel(table_name = products)]
pub struct Row {
    #[diesel(embed)]
    head: Head<Product>,
    key: Option<String>,
    title: String,
    description: String,
    brand_id: Option<Id<Brand>>,
    #[diesel(sql_type = Array<SqlUuid>)]
    category_ids: Vec<Id<Category>>,
    status: String,
    specifications: Json,
    marketing_content: Json,
    tags: Json,
    images: Json,
    #[diesel(embed)]
    held: values::Row,
}

impl Stored for Product {
    const TABLE: &'static str = "products";
    const IS_JOINED: bool = true;

    type Row = Row;

    fn select() -> String {
        format!(
            "select owner.*, held.*,
               array(select category_id from product_categories where product_id = owner.id)
                 as category_ids
             from products owner {}",
            values::JOIN
        )
    }

    fn from_row(row: Row) -> Result<Self, Fault> {
        let id = row.head.id;
        let status = Status::of(&row.status).ok_or_else(|| unreadable("product", id))?;
        let content = Content {
            key: row.key,
            title: row.title,
            description: row.description,
            brand_id: row.brand_id,
            category_ids: row.category_ids.into_iter().collect(),
            status,
            values: row.held.values()?,
            specifications: Free::from(row.specifications),
            marketing_content: Free::from(row.marketing_content),
            tags: read(id, row.tags)?,
            images: read(id, row.images)?,
        };
        Ok(Self { head: row.head, content })
    }

    fn columns(columns: Columns<'_, Self>) -> Columns<'_, Self> {
        columns
            .column::<Nullable<Text>, _>("key", |own| own.content.key.as_deref())
            .column::<Text, _>("title", |own| &*own.content.title)
            .column::<Text, _>("description", |own| &*own.content.description)
            .column::<Nullable<SqlUuid>, _>("brand_id", |own| own.content.brand_id)
            .column::<Text, _>("status", |own| own.content.status.name())
            .column::<Jsonb, _>("specifications", |own| own.content.specifications.json())
            .column::<Jsonb, _>("marketing_content", |own| own.content.marketing_content.json())
            .column::<Jsonb, _>("tags", |own| json!(own.content.tags))
            .column::<Jsonb, _>("images", |own| json!(own.content.images))
    }

    fn not_found(id: Id<Self>) -> Fault {
        Fault::new(Reason::ProductNotFound, format!("there is no product {id}"))
    }

    fn refused(error: Error) -> Fault {
        race(error)
    }

    async fn after_save(tx: &mut Tx, changes: &[(&Self, &Change)]) -> Result<(), Fault> {
        save_keys(tx, changes).await?;
        save_categories(tx, changes).await?;
        let values =
            changes.iter().map(|(own, change)| (own.head.id.uuid(), &own.content.values, *change));
        values::save(tx, Owner::Product, values).await?;
        list::is_due(tx, changes.iter().map(|(own, _)| own.head.id)).await
    }
}

fn read<T: DeserializeOwned>(id: Id<Product>, list: Json) -> Result<Vec<T>, Fault> {
    serde_json::from_value(list).map_err(|error| unreadable("product", id).because(error))
}

/// Refuses a product that does not exist.
pub async fn require(tx: &mut Tx, id: Id<Product>) -> Result<(), Fault> {
    match states(tx, &[id]).await?.get(&id) {
        Some(false) => Ok(()),
        _ => Err(Product::not_found(id)),
    }
}

/// Which products a list is of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only those that are filed under it directly.
    pub category_id: Option<Id<Category>>,
    /// Only those of the brand.
    pub brand_id: Option<Id<Brand>>,
}

/// A page of products that exist, by id.
pub async fn list(
    tx: &mut Tx,
    filter: Filter,
    after: Id<Product>,
    limit: i64,
) -> Result<Vec<Product>, Fault> {
    let filed = "exists (select from product_categories filed
                         where filed.product_id = owner.id and filed.category_id = ?)";
    entity::list(after, limit)
        .matching::<SqlUuid, _>(filed, filter.category_id)
        .matching::<SqlUuid, _>("owner.brand_id = ?", filter.brand_id)
        .load(tx)
        .await
}

/// Which of the products were ever there, and whether they have been deleted.
pub async fn states(tx: &mut Tx, ids: &[Id<Product>]) -> Result<HashMap<Id<Product>, bool>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Id<Product>, bool)> = products::table
        .filter(products::id.eq_any(ids))
        .select((products::id, products::deleted_at.is_not_null()))
        .load(tx.conn())
        .await?;
    Ok(rows.into_iter().collect())
}

/// Which product has each of the folded keys or had it.
pub async fn of_keys(tx: &mut Tx, keys: &[String]) -> Result<HashMap<String, Id<Product>>, Fault> {
    let rows: Vec<(String, Id<Product>)> = product_keys::table
        .filter(product_keys::key.eq_any(keys))
        .select((product_keys::key, product_keys::product_id))
        .load(tx.conn())
        .await?;
    Ok(rows.into_iter().collect())
}

/// What is there of the things that a product's content names; brand and categories are locked against their deletion. `own`:
/// the product that wants the content.
pub async fn references(
    tx: &mut Tx,
    content: &Content,
    own: Id<Product>,
) -> Result<References, Fault> {
    let brand = Vec::from_iter(content.brand_id);
    let has_brand = !entity::lock_reference::<Brand, Vec<_>>(tx, &brand).await?.is_empty();
    let wanted = Vec::from_iter(content.category_ids.iter().copied());
    let categories = entity::lock_reference(tx, &wanted).await?;
    let key_taken = match &content.key {
        Some(key) => of_keys(tx, &[fold(key)]).await?.into_values().any(|holder| holder != own),
        None => false,
    };
    Ok(References { key_taken, has_brand, categories })
}

/// A key stays with its product for ever, also after another one has taken its place.
async fn save_keys(tx: &mut Tx, changes: &[(&Product, &Change)]) -> Result<(), Fault> {
    let (mut keys, mut ids) = (Vec::new(), Vec::new());
    for (product, _) in changes.iter().filter(|(_, change)| change.touches("key")) {
        if let Some(key) = &product.content.key {
            keys.push(fold(key));
            ids.push(product.head.id);
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    statement(
        "insert into product_keys (key, product_id)
         select key, product_id from unnest($1, $2) as new (key, product_id)
         where not exists (select from product_keys old
                           where old.key = new.key and old.product_id = new.product_id)
         order by key",
    )
    .bind::<Array<Text>, _>(keys)
    .bind::<Array<SqlUuid>, _>(ids)
    .execute(tx.conn())
    .await
    .map_err(race)?;
    Ok(())
}

async fn save_categories(tx: &mut Tx, changes: &[(&Product, &Change)]) -> Result<(), Fault> {
    let (mut old, mut ids, mut categories) = (Vec::<Uuid>::new(), Vec::new(), Vec::new());
    for (product, change) in changes.iter().filter(|(_, change)| change.touches("category_ids")) {
        if **change != Change::Created {
            old.push(product.head.id.uuid());
        }
        let filed: &BTreeSet<_> = &product.content.category_ids;
        for category in filed.iter().filter(|_| **change != Change::Deleted) {
            ids.push(product.head.id);
            categories.push(*category);
        }
    }
    if !old.is_empty() {
        let gone = product_categories::table.filter(product_categories::product_id.eq_any(old));
        diesel::delete(gone).execute(tx.conn()).await?;
    }
    let filed: Vec<_> = ids.into_iter().zip(categories).collect();
    Columns::of("product_categories", "product_id", &filed)
        .column::<SqlUuid, _>("product_id", |(product, _)| *product)
        .column::<SqlUuid, _>("category_id", |(_, category)| *category)
        .insert(tx)
        .await?;
    Ok(())
}
