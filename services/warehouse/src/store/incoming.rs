//! Units that are expected.

use crate::domain::incoming::Incoming;
use crate::domain::level::Level;
use crate::domain::warehouse::Warehouse;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::{Tx, statement};

/// Most references of one level.
pub const MAX_REFERENCES: i64 = 500;

/// The units of a SKU that are expected, by time, in one warehouse or in all that exist.
pub async fn of_sku(
    tx: &mut Tx,
    sku: &Sku,
    warehouse_id: Option<Id<Warehouse>>,
) -> Result<Vec<Incoming>, Fault> {
    let rows = statement(
        "select l.warehouse_id, n.reference, n.quantity, n.expected_at
         from levels l join incoming n on n.stock_id = l.id
         join warehouses w on w.id = l.warehouse_id
         where l.sku = $1 and (l.warehouse_id = $2 or $2 is null) and w.deleted_at is null
         order by n.expected_at, n.reference, l.warehouse_id limit $3",
    )
    .bind::<Text, _>(sku)
    .bind::<Nullable<SqlUuid>, _>(warehouse_id)
    .bind::<BigInt, _>(MAX_REFERENCES)
    .get_results(tx.conn())
    .await?;
    Ok(rows)
}

/// How many references a SKU has, one excepted.
pub async fn count_others(tx: &mut Tx, sku: &Sku, reference: &str) -> Result<i64, Fault> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let count: Count = statement(
        "select count(*) as count from levels l join incoming n on n.stock_id = l.id
         where l.sku = $1 and n.reference <> $2",
    )
    .bind::<Text, _>(sku)
    .bind::<Text, _>(reference)
    .get_result(tx.conn())
    .await?;
    Ok(count.count)
}

/// Says how many units are expected under a reference of a locked level; 0 removes it.
pub async fn set(tx: &mut Tx, stock_id: Id<Level>, own: &Incoming) -> Result<(), Fault> {
    if own.quantity == 0 {
        statement("delete from incoming where stock_id = $1 and reference = $2")
            .bind::<SqlUuid, _>(stock_id)
            .bind::<Text, _>(&own.reference)
            .execute(tx.conn())
            .await?;
        return Ok(());
    }
    statement(
        "insert into incoming (stock_id, reference, quantity, expected_at) values ($1, $2, $3, $4)
         on conflict (stock_id, reference) do update
         set quantity = excluded.quantity, expected_at = excluded.expected_at",
    )
    .bind::<SqlUuid, _>(stock_id)
    .bind::<Text, _>(&own.reference)
    .bind::<BigInt, _>(own.quantity)
    .bind::<Timestamptz, _>(own.expected_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Units of a reference of a locked level came: so many fewer are expected.
pub async fn came(
    tx: &mut Tx,
    stock_id: Id<Level>,
    reference: &str,
    units: i64,
) -> Result<(), Fault> {
    statement(
        "with less as (
           update incoming set quantity = quantity - $3
           where stock_id = $1 and reference = $2 and quantity > $3 returning 1)
         delete from incoming
         where stock_id = $1 and reference = $2 and quantity <= $3 and not exists (select from less)",
    )
    .bind::<SqlUuid, _>(stock_id)
    .bind::<Text, _>(reference)
    .bind::<BigInt, _>(units)
    .execute(tx.conn())
    .await?;
    Ok(())
}
