//! Stock status of products, as of the last time that it changed.

use crate::domain::product::Product;
use crate::domain::stock::{ProductStock, Status, Units};
use crate::schema::product_stock;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::head::Head;
use kernel::id::Id;
use pg::entity::Stored;
use pg::{Columns, Tx, statement};

/// A status as its table holds it.
#[derive(QueryableByName)]
#[diesel(table_name = product_stock, check_for_backend(Pg))]
pub struct Row {
    #[diesel(embed)]
    head: Head<ProductStock>,
    status: String,
    previous: String,
    total: i64,
    threshold: i64,
}

impl Stored for ProductStock {
    const TABLE: &'static str = "product_stock";

    type Row = Row;

    fn from_row(row: Row) -> Result<Self, Fault> {
        let status = Status::of(&row.status)
            .ok_or_else(|| Fault::internal(format!("no status is called {}", row.status)))?;
        let previous = Status::of(&row.previous);
        let (head, total, threshold) = (row.head, row.total, row.threshold);
        Ok(Self { head, status, previous, total, threshold })
    }

    fn columns(columns: Columns<'_, Self>) -> Columns<'_, Self> {
        columns
            .column::<Text, _>("status", |own| own.status.name())
            .column::<Text, _>("previous", |own| own.previous.map_or("", Status::name))
            .column::<BigInt, _>("total", |own| own.total)
            .column::<BigInt, _>("threshold", |own| own.threshold)
    }

    fn not_found(id: Id<Self>) -> Fault {
        Fault::internal(format!("product {id} has no stock status"))
    }
}

/// What decides the status of a product.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// The product.
    pub product_id: Id<Product>,
    /// What there is.
    pub units: Units,
    /// The largest threshold of its categories: of each the nearest upwards that says one. None: the default counts.
    pub threshold: Option<i64>,
}

/// Takes up to `limit` products that nobody else has taken; they are to be looked at in this transaction.
pub async fn take_due(tx: &mut Tx, limit: i64) -> Result<Vec<Id<Product>>, Fault> {
    #[derive(QueryableByName)]
    struct Due {
        #[diesel(sql_type = SqlUuid)]
        product_id: Id<Product>,
    }
    let rows: Vec<Due> = statement(
        "delete from stock_due where product_id in (
           select product_id from stock_due order by product_id limit $1 for update skip locked)
         returning product_id",
    )
    .bind::<BigInt, _>(limit)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.product_id).collect())
}

/// What there is of products of which warehouse has said something.
pub async fn measure(tx: &mut Tx, ids: &[Id<Product>]) -> Result<Vec<Measured>, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(Pg))]
    struct Found {
        #[diesel(sql_type = SqlUuid)]
        product_id: Id<Product>,
        #[diesel(sql_type = BigInt)]
        available: i64,
        #[diesel(sql_type = BigInt)]
        backorderable: i64,
        #[diesel(sql_type = Nullable<BigInt>)]
        threshold: Option<i64>,
    }
    let rows: Vec<Found> = statement(
        "with recursive up as (
           select pc.product_id, c.parent_id, c.low_stock_threshold as threshold, 1 as level
           from product_categories pc join categories c on c.id = pc.category_id
           where pc.product_id = any($1)
           union all
           select up.product_id, c.parent_id, c.low_stock_threshold, up.level + 1
           from up join categories c on c.id = up.parent_id
           where up.threshold is null and up.level < 20)
         select l.product_id,
           coalesce(sum(l.available) filter (where coalesce(w.ships, true)), 0)::bigint as available,
           coalesce(sum(l.backorderable) filter (where coalesce(w.ships, true)), 0)::bigint
             as backorderable,
           (select max(threshold) from up where up.product_id = l.product_id) as threshold
         from display_levels l left join display_warehouses w on w.warehouse_id = l.warehouse_id
         where l.product_id = any($1) group by l.product_id order by l.product_id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .get_results(tx.conn())
    .await?;
    let measured = |row: Found| Measured {
        product_id: row.product_id,
        units: Units { available: row.available, backorderable: row.backorderable },
        threshold: row.threshold,
    };
    Ok(rows.into_iter().map(measured).collect())
}

/// Has all products of categories at and below one looked at.
pub async fn look_below(
    tx: &mut Tx,
    category_id: Id<crate::domain::category::Category>,
) -> Result<(), Fault> {
    statement(
        "with recursive below as (
           select $1 as id, 1 as level
           union
           select c.id, below.level + 1 from below
           join categories c on c.parent_id = below.id where below.level < 20)
         insert into stock_due (product_id)
         select distinct pc.product_id from product_categories pc join below on below.id = pc.category_id
         where exists (select from display_levels l where l.product_id = pc.product_id)
         order by pc.product_id on conflict do nothing",
    )
    .bind::<SqlUuid, _>(category_id)
    .execute(tx.conn())
    .await?;
    Ok(())
}
