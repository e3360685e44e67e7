//! Categories.

use super::race;
use crate::domain::category::{Category, Content, MAX_DEPTH, Surroundings};
use crate::domain::change::Change;
use crate::schema::{categories, product_categories};
use crate::wire;
use contracts::catalog::v1::Reason;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use pg::{Tx, outbox, statement};
use std::collections::{BTreeSet, HashMap};

/// Any fixed number; no other transaction-level advisory lock of this database has it.
const TREE: i64 = 0x7472_6565;

/// Locks the shape of the tree. Whoever creates, moves or deletes a category takes this first, so that no two of them can make a
/// cycle, a tree too deep or an orphan together that neither makes alone.
pub async fn lock_tree(tx: &mut Tx) -> Result<(), Fault> {
    statement("select pg_advisory_xact_lock($1)")
        .bind::<BigInt, _>(TREE)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A category that exists.
pub async fn get(tx: &mut Tx, id: Id<Category>) -> Result<Category, Fault> {
    let found = categories::table
        .find(id)
        .filter(categories::deleted_at.is_null())
        .select(Category::as_select())
        .first(tx.conn())
        .await
        .optional()?;
    found.ok_or_else(|| not_found(id))
}

/// Locks a category that exists for a change; products may go on naming it.
pub async fn lock(tx: &mut Tx, id: Id<Category>) -> Result<Category, Fault> {
    let found = categories::table
        .find(id)
        .filter(categories::deleted_at.is_null())
        .select(Category::as_select())
        .for_no_key_update()
        .first(tx.conn())
        .await
        .optional()?;
    found.ok_or_else(|| not_found(id))
}

/// Locks a category that exists for its deletion: from now on no product can come to name it.
pub async fn lock_to_delete(tx: &mut Tx, id: Id<Category>) -> Result<Category, Fault> {
    let found = categories::table
        .find(id)
        .filter(categories::deleted_at.is_null())
        .select(Category::as_select())
        .for_update()
        .first(tx.conn())
        .await
        .optional()?;
    found.ok_or_else(|| not_found(id))
}

/// Locks those of the categories that exist against their deletion.
pub async fn hold(
    tx: &mut Tx,
    ids: &BTreeSet<Id<Category>>,
) -> Result<BTreeSet<Id<Category>>, Fault> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let held: Vec<Id<Category>> = categories::table
        .filter(categories::id.eq_any(ids).and(categories::deleted_at.is_null()))
        .select(categories::id)
        .order(categories::id)
        .for_key_share()
        .load(tx.conn())
        .await?;
    Ok(held.into_iter().collect())
}

/// Locks the categories of these keys against their deletion.
pub async fn hold_keyed(
    tx: &mut Tx,
    keys: &[&str],
) -> Result<HashMap<String, Id<Category>>, Fault> {
    let rows: Vec<(String, Id<Category>)> = categories::table
        .filter(categories::key.eq_any(keys).and(categories::deleted_at.is_null()))
        .select((categories::key, categories::id))
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
        .filter(categories::key.eq(&wanted.key).and(categories::deleted_at.is_null()))
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
    let mut page = categories::table
        .filter(categories::id.gt(after).and(categories::deleted_at.is_null()))
        .select(Category::as_select())
        .order(categories::id)
        .limit(limit)
        .into_boxed();
    if let Some(parent) = parent {
        page = page.filter(categories::parent_id.eq(parent));
    }
    Ok(page.load(tx.conn()).await?)
}

/// A page of all categories, deleted ones too, by id.
pub async fn list_all(
    tx: &mut Tx,
    after: Id<Category>,
    limit: i64,
) -> Result<Vec<Category>, Fault> {
    let page = categories::table
        .filter(categories::id.gt(after))
        .select(Category::as_select())
        .order(categories::id)
        .limit(limit);
    Ok(page.load(tx.conn()).await?)
}

fn not_found(id: Id<Category>) -> Fault {
    Fault::new(Reason::CategoryNotFound, format!("there is no category {id}"))
}

/// Writes a category and tells of its change; without a change it does nothing.
pub async fn save(tx: &mut Tx, category: &Category, change: Option<&Change>) -> Result<(), Fault> {
    let Some(change) = change else { return Ok(()) };
    let content = (
        categories::parent_id.eq(category.content.parent_id),
        categories::key.eq(&category.content.key),
        categories::name.eq(&category.content.name),
        categories::version.eq(category.version),
        categories::updated_at.eq(category.updated_at),
        categories::deleted_at.eq(category.deleted_at),
    );
    let made = (categories::id.eq(category.id), categories::created_at.eq(category.created_at));
    diesel::insert_into(categories::table)
        .values((made, content))
        .on_conflict(categories::id)
        .do_update()
        .set(content)
        .execute(tx.conn())
        .await
        .map_err(race)?;
    outbox::append(tx, [wire::category::fact(category, change)]).await
}

/// Publishes categories again as they are, deleted ones too; returns which there are. They are locked against a change, so that no
/// newer version is published before.
pub async fn republish(tx: &mut Tx, ids: &[Id<Category>]) -> Result<Vec<Id<Category>>, Fault> {
    let found: Vec<Category> = categories::table
        .filter(categories::id.eq_any(ids))
        .select(Category::as_select())
        .order(categories::id)
        .for_no_key_update()
        .load(tx.conn())
        .await?;
    let fact = |own: &Category| wire::category::fact(own, &Change::again(own.deleted_at.is_some()));
    outbox::append(tx, found.iter().map(fact)).await?;
    Ok(found.iter().map(|own| own.id).collect())
}
