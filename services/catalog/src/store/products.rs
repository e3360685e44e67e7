//! Products.

use super::values::{self, Owner};
use super::{race, unreadable};
use crate::domain::brand::Brand;
use crate::domain::category::Category;
use crate::domain::change::Change;
use crate::domain::free::Free;
use crate::domain::product::{Content, Product, References, Status};
use crate::schema::{product_categories, product_keys, products};
use crate::wire;
use chrono::{DateTime, Utc};
use contracts::catalog::v1::Reason;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use pg::{Tx, outbox, statement};
use serde_json::Value as Json;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

#[derive(QueryableByName)]
#[diesel(check_for_backend(Pg))]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Id<Product>,
    #[diesel(sql_type = Nullable<Text>)]
    key: Option<String>,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Text)]
    description: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    brand_id: Option<Id<Brand>>,
    #[diesel(sql_type = Array<SqlUuid>)]
    category_ids: Vec<Id<Category>>,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Jsonb)]
    specifications: Json,
    #[diesel(sql_type = Jsonb)]
    marketing_content: Json,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    deleted_at: Option<DateTime<Utc>>,
    #[diesel(embed)]
    held: values::Row,
}

impl Row {
    fn product(self) -> Result<Product, Fault> {
        let content = Content {
            key: self.key,
            title: self.title,
            description: self.description,
            brand_id: self.brand_id,
            category_ids: self.category_ids.into_iter().collect(),
            status: Status::of(&self.status).ok_or_else(|| unreadable("product", self.id))?,
            values: self.held.values()?,
            specifications: Free::from(self.specifications),
            marketing_content: Free::from(self.marketing_content),
        };
        Ok(Product {
            id: self.id,
            content,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            deleted_at: self.deleted_at,
        })
    }
}

/// Reads whole products by one statement; `which` yields their ids.
fn select(which: &str) -> String {
    format!(
        "select owner.*, held.*,
           array(select category_id from product_categories where product_id = owner.id)
             as category_ids
         from products owner {} where owner.id = any({which}) order by owner.id",
        values::JOIN
    )
}

/// The named products, deleted ones too, by id.
pub async fn of(tx: &mut Tx, ids: &[Id<Product>]) -> Result<Vec<Product>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> =
        statement(select("$1")).bind::<Array<SqlUuid>, _>(ids).get_results(tx.conn()).await?;
    rows.into_iter().map(Row::product).collect()
}

/// A product that exists.
pub async fn get(tx: &mut Tx, id: Id<Product>) -> Result<Product, Fault> {
    live(of(tx, &[id]).await?, id)
}

/// Locks products against every other change, deleted ones too.
pub async fn lock_all(tx: &mut Tx, ids: &[Id<Product>]) -> Result<Vec<Product>, Fault> {
    statement("select from products where id = any($1) order by id for update")
        .bind::<Array<SqlUuid>, _>(ids)
        .execute(tx.conn())
        .await?;
    of(tx, ids).await
}

/// Locks a product that exists against every other change.
pub async fn lock(tx: &mut Tx, id: Id<Product>) -> Result<Product, Fault> {
    live(lock_all(tx, &[id]).await?, id)
}

/// Locks a product that exists against its deletion.
pub async fn hold(tx: &mut Tx, id: Id<Product>) -> Result<(), Fault> {
    let held: Option<Id<Product>> = products::table
        .find(id)
        .filter(products::deleted_at.is_null())
        .select(products::id)
        .for_key_share()
        .first(tx.conn())
        .await
        .optional()?;
    held.map(|_| ()).ok_or_else(|| not_found(id))
}

/// Refuses a product that does not exist.
pub async fn require(tx: &mut Tx, id: Id<Product>) -> Result<(), Fault> {
    match states(tx, &[id]).await?.get(&id) {
        Some(false) => Ok(()),
        _ => Err(not_found(id)),
    }
}

fn live(products: Vec<Product>, id: Id<Product>) -> Result<Product, Fault> {
    let found = products.into_iter().find(|product| product.deleted_at.is_none());
    found.ok_or_else(|| not_found(id))
}

fn not_found(id: Id<Product>) -> Fault {
    Fault::new(Reason::ProductNotFound, format!("there is no product {id}"))
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
    let mut which = "select p.id from products p".to_owned();
    if filter.category_id.is_some() {
        which += " join product_categories c on c.product_id = p.id and c.category_id = $3";
    }
    which += " where p.id > $1 and p.deleted_at is null";
    if filter.brand_id.is_some() {
        which += if filter.category_id.is_some() {
            " and p.brand_id = $4"
        } else {
            " and p.brand_id = $3"
        };
    }
    let sql = select(&format!("array({which} order by p.id limit $2)"));
    let mut query = statement(sql).bind::<SqlUuid, _>(after).bind::<BigInt, _>(limit);
    if let Some(category_id) = filter.category_id {
        query = query.bind::<SqlUuid, _>(category_id);
    }
    if let Some(brand_id) = filter.brand_id {
        query = query.bind::<SqlUuid, _>(brand_id);
    }
    let rows: Vec<Row> = query.get_results(tx.conn()).await?;
    rows.into_iter().map(Row::product).collect()
}

/// A page of all products, deleted ones too, by id.
pub async fn list_all(tx: &mut Tx, after: Id<Product>, limit: i64) -> Result<Vec<Product>, Fault> {
    let sql = select("array(select id from products where id > $1 order by id limit $2)");
    let rows: Vec<Row> = statement(sql)
        .bind::<SqlUuid, _>(after)
        .bind::<BigInt, _>(limit)
        .get_results(tx.conn())
        .await?;
    rows.into_iter().map(Row::product).collect()
}

/// Which of the products were ever there, and whether they have been deleted.
pub async fn states(tx: &mut Tx, ids: &[Id<Product>]) -> Result<HashMap<Id<Product>, bool>, Fault> {
    let rows: Vec<(Id<Product>, bool)> = products::table
        .filter(products::id.eq_any(ids))
        .select((products::id, products::deleted_at.is_not_null()))
        .load(tx.conn())
        .await?;
    Ok(rows.into_iter().collect())
}

/// Which product has each of the keys or had it.
pub async fn of_keys(tx: &mut Tx, keys: &[&str]) -> Result<HashMap<String, Id<Product>>, Fault> {
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
    let has_brand = match content.brand_id {
        Some(id) => super::brands::hold(tx, id).await?,
        None => false,
    };
    let categories = super::categories::hold(tx, &content.category_ids).await?;
    let key_taken = match &content.key {
        Some(key) => of_keys(tx, &[key]).await?.get(key).is_some_and(|holder| *holder != own),
        None => false,
    };
    Ok(References { key_taken, has_brand, categories })
}

/// Writes a product and tells of its change; without a change it does nothing.
pub async fn save(tx: &mut Tx, product: &Product, change: Option<&Change>) -> Result<(), Fault> {
    match change {
        Some(change) => save_all(tx, &[(product, change)]).await,
        None => Ok(()),
    }
}

/// Writes locked or new products and tells of their changes.
pub async fn save_all(tx: &mut Tx, changes: &[(&Product, &Change)]) -> Result<(), Fault> {
    if changes.is_empty() {
        return Ok(());
    }
    upsert(tx, changes).await?;
    save_keys(tx, changes).await?;
    save_categories(tx, changes).await?;
    let touched = || changes.iter().filter(|(_, change)| change.touches("tier2_attributes"));
    let old = touched().filter(|(_, change)| **change != Change::Created);
    values::clear(tx, &old.map(|(own, _)| own.id.uuid()).collect::<Vec<_>>()).await?;
    let new = touched().filter(|(_, change)| **change != Change::Deleted);
    let new = new.map(|(own, _)| (own.id.uuid(), &own.content.values));
    values::insert(tx, Owner::Product, new).await?;
    outbox::append(tx, changes.iter().map(|(own, change)| wire::product::fact(own, change))).await
}

async fn upsert(tx: &mut Tx, changes: &[(&Product, &Change)]) -> Result<(), Fault> {
    let products = || changes.iter().map(|(product, _)| *product);
    let contents = || products().map(|product| &product.content);
    statement(
        "insert into products (id, key, title, description, brand_id, status, specifications,
           marketing_content, version, created_at, updated_at, deleted_at)
         select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict (id) do update set key = excluded.key, title = excluded.title,
           description = excluded.description, brand_id = excluded.brand_id,
           status = excluded.status, specifications = excluded.specifications,
           marketing_content = excluded.marketing_content, version = excluded.version,
           updated_at = excluded.updated_at, deleted_at = excluded.deleted_at",
    )
    .bind::<Array<SqlUuid>, _>(products().map(|own| own.id).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(contents().map(|own| own.key.as_deref()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(contents().map(|own| &*own.title).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(contents().map(|own| &*own.description).collect::<Vec<_>>())
    .bind::<Array<Nullable<SqlUuid>>, _>(contents().map(|own| own.brand_id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(contents().map(|own| own.status.name()).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(contents().map(|own| own.specifications.json()).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(contents().map(|own| own.marketing_content.json()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(products().map(|own| own.version).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(products().map(|own| own.created_at).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(products().map(|own| own.updated_at).collect::<Vec<_>>())
    .bind::<Array<Nullable<Timestamptz>>, _>(
        products().map(|own| own.deleted_at).collect::<Vec<_>>(),
    )
    .execute(tx.conn())
    .await
    .map_err(race)?;
    Ok(())
}

/// A key stays with its product for ever, also after another one has taken its place.
async fn save_keys(tx: &mut Tx, changes: &[(&Product, &Change)]) -> Result<(), Fault> {
    let (mut keys, mut ids) = (Vec::new(), Vec::new());
    for (product, _) in changes.iter().filter(|(_, change)| change.touches("key")) {
        if let Some(key) = &product.content.key {
            keys.push(key);
            ids.push(product.id);
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
            old.push(product.id.uuid());
        }
        let filed: &BTreeSet<_> = &product.content.category_ids;
        for category in filed.iter().filter(|_| **change != Change::Deleted) {
            ids.push(product.id);
            categories.push(*category);
        }
    }
    if !old.is_empty() {
        let gone = product_categories::table.filter(product_categories::product_id.eq_any(old));
        diesel::delete(gone).execute(tx.conn()).await?;
    }
    if !ids.is_empty() {
        statement(
            "insert into product_categories (product_id, category_id) select * from unnest($1, $2)",
        )
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<SqlUuid>, _>(categories)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Publishes products again as they are, deleted ones too; returns which there are. They are locked against a change, so that no
/// newer version is published before.
pub async fn republish(tx: &mut Tx, ids: &[Id<Product>]) -> Result<Vec<Id<Product>>, Fault> {
    let found = lock_all(tx, ids).await?;
    let fact = |own: &Product| wire::product::fact(own, &Change::again(own.deleted_at.is_some()));
    outbox::append(tx, found.iter().map(fact)).await?;
    Ok(found.iter().map(|own| own.id).collect())
}
