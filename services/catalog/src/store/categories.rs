//! Categories.

use super::race;
use crate::domain::category::{Category, Content, MAX_DEPTH, Surroundings};
use crate::schema::{categories, product_categories};
use catalog_api::v1::Reason;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::head::Head;
use kernel::id::Id;
use kernel::name::fold;
use pg::entity::{self, Stored};
use pg::{Columns, Tx, statement};
use std::collections::HashMap;

/// A category as its table holds it.
#[derive(QueryableByName)]
#[diesel(table_name = categories)]
pub struct Row {
    #[diesel(embed)]
    head: Head<Category>,
    key: String,
    name: String,
    parent_id: Option<Id<Category>>,
    low_stock_threshold: Option<i64>,
}

impl Stored for Category {
    const TABLE: &'static str = "categories";

    type Row = Row;

    fn from_row(row: Row) -> Result<Self, Fault> {
        let Row { head, key, name, parent_id, low_stock_threshold } = row;
        Ok(Self { head, content: Content { key, name, parent_id, low_stock_threshold } })
    }

    fn columns(columns: Columns<'_, Self>) -> Columns<'_, Self> {
        columns
            .column::<Text, _>("key", |own| &*own.content.key)
            .column::<Text, _>("key_folded", |own| fold(&own.content.key))
            .column::<Text, _>("name", |own| &*own.content.name)
            .column::<Nullable<SqlUuid>, _>("parent_id", |own| own.content.parent_id)
            .column::<Nullable<BigInt>, _>("low_stock_threshold", |own| {
                own.content.low_stock_threshold
            })
    }

    fn not_found(id: Id<Self>) -> Fault {
        Fault::new(Reason::CategoryNotFound, format!("there is no category {id}"))
    }

    fn refused(error: Error) -> Fault {
        race(error)
    }
}

/// Any fixed number; no other transaction-level advisory lock of this database has it.
const TREE_LOCK_ID: i64 = 0x7472_6565;

/// Locks the shape of the tree. It is locked before a category is created, moved or deleted, so that two concurrent changes cannot
/// make a cycle, a tree that is too deep or an orphan together.
pub async fn lock_tree(tx: &mut Tx) -> Result<(), Fault> {
    statement("select pg_advisory_xact_lock($1)")
        .bind::<BigInt, _>(TREE_LOCK_ID)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Locks the categories of these folded keys against their deletion.
pub async fn lock_references(
    tx: &mut Tx,
    folded: &[String],
) -> Result<HashMap<String, Id<Category>>, Fault> {
    let rows: Vec<(String, Id<Category>)> = categories::table
        .filter(categories::key_folded.eq_any(folded).and(categories::deleted_at.is_null()))
        .select((categories::key_folded, categories::id))
        .order(categories::id)
        .for_key_share()
        .load(tx.conn())
        .await?;
    Ok(rows.into_iter().collect())
}

/// What the rest of the tree says to a category's content; the tree is locked.
pub async fn surroundings(
    tx: &mut Tx,
    own: Id<Category>,
    wanted: &Content,
) -> Result<Surroundings, Fault> {
    let others = categories::table
        .filter(categories::key_folded.eq(fold(&wanted.key)).and(categories::deleted_at.is_null()))
        .filter(categories::id.ne(own));
    let key_taken = diesel::select(diesel::dsl::exists(others)).get_result(tx.conn()).await?;
    let Some(parent) = wanted.parent_id else {
        return Ok(Surroundings { key_taken, ..Surroundings::default() });
    };
    let ancestors = ancestors(tx, parent).await?;
    Ok(Surroundings { key_taken, ancestors, height: height(tx, own).await? })
}

async fn ancestors(tx: &mut Tx, of: Id<Category>) -> Result<Vec<Id<Category>>, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(Pg))]
    struct Found {
        #[diesel(sql_type = SqlUuid)]
        id: Id<Category>,
    }
    let rows: Vec<Found> = statement(
        "with recursive above as (
           select id, parent_id, 1 as level from categories where id = $1 and deleted_at is null
           union all
           select up.id, up.parent_id, level + 1 from categories up
           join above on up.id = above.parent_id where level <= $2)
         select id from above order by level",
    )
    .bind::<SqlUuid, _>(of)
    .bind::<Integer, _>(i32::try_from(MAX_DEPTH).unwrap_or(i32::MAX))
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

async fn height(tx: &mut Tx, of: Id<Category>) -> Result<usize, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(Pg))]
    struct Height {
        #[diesel(sql_type = Integer)]
        height: i32,
    }
    let row: Height = statement(
        "with recursive below as (
           select id, 1 as level from categories where id = $1
           union all
           select down.id, level + 1 from categories down
           join below on down.parent_id = below.id
           where down.deleted_at is null and level <= $2)
         select coalesce(max(level), 0) as height from below",
    )
    .bind::<SqlUuid, _>(of)
    .bind::<Integer, _>(i32::try_from(MAX_DEPTH).unwrap_or(i32::MAX))
    .get_result(tx.conn())
    .await?;
    Ok(usize::try_from(row.height).unwrap_or_default())
}

/// How many products and how many categories are directly below a category.
pub async fn below(tx: &mut Tx, id: Id<Category>) -> Result<(i64, i64), Fault> {
    let products = product_categories::table
        .filter(product_categories::category_id.eq(id))
        .count()
        .get_result(tx.conn())
        .await?;
    let children = categories::table
        .filter(categories::parent_id.eq(id).and(categories::deleted_at.is_null()))
        .count()
        .get_result(tx.conn())
        .await?;
    Ok((products, children))
}

/// A page of categories that exist, or of the direct children of one, by id.
pub async fn list(
    tx: &mut Tx,
    parent: Option<Id<Category>>,
    after: Id<Category>,
    limit: i64,
) -> Result<Vec<Category>, Fault> {
    entity::list(after, limit).matching::<SqlUuid, _>("owner.parent_id = ?", parent).load(tx).await
}
