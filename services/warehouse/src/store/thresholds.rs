//! Below how many units stock is low: by SKU, else category, else warehouse, else by default (IN-04). Also the copies of the catalogue's
//! products and categories, which only this needs.

use crate::domain::item::{Category, Product};
use crate::domain::warehouse::Warehouse;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::{Tx, statement};
use std::collections::HashMap;

/// Thresholds of SKUs, as far as SKU, categories and warehouses say.
#[derive(Debug, Clone, Default)]
pub struct Thresholds {
    by_sku: HashMap<Sku, i64>,
    by_warehouse: HashMap<Id<Warehouse>, i64>,
}

impl Thresholds {
    /// That of a SKU in a warehouse, else the default.
    pub fn of(&self, sku: &Sku, warehouse_id: Id<Warehouse>, default: i64) -> i64 {
        let own = self.by_sku.get(sku).or_else(|| self.by_warehouse.get(&warehouse_id));
        own.copied().unwrap_or(default)
    }
}

/// The thresholds of SKUs in all warehouses. Up the tree the nearest category that says something counts; of several categories of a
/// product the one with the largest threshold.
pub async fn find(tx: &mut Tx, skus: &[Sku]) -> Result<Thresholds, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(diesel::pg::Pg))]
    struct OfSku {
        #[diesel(sql_type = Text)]
        sku: Sku,
        #[diesel(sql_type = BigInt)]
        threshold: i64,
    }
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(diesel::pg::Pg))]
    struct OfWarehouse {
        #[diesel(sql_type = SqlUuid)]
        id: Id<Warehouse>,
        #[diesel(sql_type = BigInt)]
        threshold: i64,
    }
    // While categories move, their copy may have a cycle for a moment.
    let rows: Vec<OfSku> = statement(
        "with recursive up as (
           select i.sku, c.parent_id, c.low_stock_threshold as threshold, 1 as level
           from items i join products p on p.product_id = i.product_id
           join categories c on c.category_id = any(p.category_ids) where i.sku = any($1)
           union all
           select up.sku, c.parent_id, c.low_stock_threshold, up.level + 1
           from up join categories c on c.category_id = up.parent_id
           where up.threshold is null and up.level < 20)
         select own.sku, own.threshold from (
           select wanted.sku, coalesce(r.low_stock_threshold, max(up.threshold)) as threshold
           from unnest($1) as wanted (sku) left join sku_rules r on r.sku = wanted.sku
           left join up on up.sku = wanted.sku group by wanted.sku, r.low_stock_threshold) own
         where own.threshold is not null",
    )
    .bind::<Array<Text>, _>(skus)
    .get_results(tx.conn())
    .await?;
    let warehouses: Vec<OfWarehouse> = statement(
        "select id, low_stock_threshold as threshold from warehouses
         where low_stock_threshold is not null",
    )
    .get_results(tx.conn())
    .await?;
    Ok(Thresholds {
        by_sku: rows.into_iter().map(|row| (row.sku, row.threshold)).collect(),
        by_warehouse: warehouses.into_iter().map(|row| (row.id, row.threshold)).collect(),
    })
}

/// Under which categories a product is filed.
#[derive(Debug, Clone)]
pub struct Filed {
    /// The product.
    pub product_id: Id<Product>,
    /// Its categories.
    pub category_ids: Vec<Id<Category>>,
}

/// Keeps the categories of products, and has the levels of their SKUs looked at.
pub async fn keep_products(tx: &mut Tx, filed: &[Filed]) -> Result<(), Fault> {
    if filed.is_empty() {
        return Ok(());
    }
    let (products, categories): (Vec<_>, Vec<_>) = filed
        .iter()
        .flat_map(|own| own.category_ids.iter().map(|category| (own.product_id, *category)))
        .unzip();
    let ids: Vec<Id<Product>> = filed.iter().map(|own| own.product_id).collect();
    let changed: Vec<Changed> = statement(
        "insert into products as own (product_id, category_ids)
         select come.id, coalesce(
           array_agg(filed.category_id order by filed.category_id)
             filter (where filed.category_id is not null), '{}')
         from unnest($1) as come (id)
         left join unnest($2, $3) as filed (product_id, category_id) on filed.product_id = come.id
         group by come.id order by come.id
         on conflict (product_id) do update set category_ids = excluded.category_ids
         where own.category_ids <> excluded.category_ids
         returning product_id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<SqlUuid>, _>(products)
    .bind::<Array<SqlUuid>, _>(categories)
    .get_results(tx.conn())
    .await?;
    look_at_products(tx, &changed).await
}

/// Forgets products that are gone, and has the levels of their SKUs looked at.
pub async fn remove_products(tx: &mut Tx, ids: &[Id<Product>]) -> Result<(), Fault> {
    if ids.is_empty() {
        return Ok(());
    }
    let gone: Vec<Changed> =
        statement("delete from products where product_id = any($1) returning product_id")
            .bind::<Array<SqlUuid>, _>(ids)
            .get_results(tx.conn())
            .await?;
    look_at_products(tx, &gone).await
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct Changed {
    #[diesel(sql_type = SqlUuid)]
    product_id: Id<Product>,
}

async fn look_at_products(tx: &mut Tx, changed: &[Changed]) -> Result<(), Fault> {
    if changed.is_empty() {
        return Ok(());
    }
    let ids: Vec<Id<Product>> = changed.iter().map(|own| own.product_id).collect();
    statement(
        "insert into thresholds_due (sku)
         select distinct l.sku from levels l join items i on i.sku = l.sku
         where i.product_id = any($1) order by l.sku on conflict do nothing",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps a category, and has the levels of all products below it looked at.
pub async fn keep_category(
    tx: &mut Tx,
    id: Id<Category>,
    state: Option<(Option<Id<Category>>, Option<i64>)>,
) -> Result<(), Fault> {
    match state {
        Some((parent_id, threshold)) => {
            let changed = statement(
                "insert into categories as own (category_id, parent_id, low_stock_threshold)
                 values ($1, $2, $3)
                 on conflict (category_id) do update
                 set parent_id = excluded.parent_id,
                     low_stock_threshold = excluded.low_stock_threshold
                 where (own.parent_id, own.low_stock_threshold)
                   is distinct from (excluded.parent_id, excluded.low_stock_threshold)",
            )
            .bind::<SqlUuid, _>(id)
            .bind::<Nullable<SqlUuid>, _>(parent_id)
            .bind::<Nullable<BigInt>, _>(threshold)
            .execute(tx.conn())
            .await?;
            if changed > 0 {
                look_below(tx, id).await?;
            }
        }
        None => {
            look_below(tx, id).await?;
            statement("delete from categories where category_id = $1")
                .bind::<SqlUuid, _>(id)
                .execute(tx.conn())
                .await?;
        }
    }
    Ok(())
}

async fn look_below(tx: &mut Tx, id: Id<Category>) -> Result<(), Fault> {
    statement(
        "with recursive below as (
           select $1 as category_id, 1 as level
           union
           select c.category_id, below.level + 1 from below
           join categories c on c.parent_id = below.category_id where below.level < 20)
         insert into thresholds_due (sku)
         select distinct l.sku from levels l join items i on i.sku = l.sku
         join products p on p.product_id = i.product_id
         where p.category_ids && array(select category_id from below)
         order by l.sku on conflict do nothing",
    )
    .bind::<SqlUuid, _>(id)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Has the levels of a SKU looked at.
pub async fn look_at_sku(tx: &mut Tx, sku: &Sku) -> Result<(), Fault> {
    statement("insert into thresholds_due (sku) values ($1) on conflict do nothing")
        .bind::<Text, _>(sku)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Has all levels of a warehouse looked at.
pub async fn look_at_warehouse(tx: &mut Tx, id: Id<Warehouse>) -> Result<(), Fault> {
    statement(
        "insert into thresholds_due (sku)
         select sku from levels where warehouse_id = $1 order by sku on conflict do nothing",
    )
    .bind::<SqlUuid, _>(id)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes up to `limit` SKUs that nobody else has taken; they are to be looked at in this transaction.
pub async fn take_due(tx: &mut Tx, limit: i64) -> Result<Vec<Sku>, Fault> {
    #[derive(QueryableByName)]
    struct Due {
        #[diesel(sql_type = Text)]
        sku: Sku,
    }
    let rows: Vec<Due> = statement(
        "delete from thresholds_due where sku in (
           select sku from thresholds_due order by sku limit $1 for update skip locked)
         returning sku",
    )
    .bind::<BigInt, _>(limit)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.sku).collect())
}
