//! What levels should be: the sums of their movements.

use super::levels::Row;
use crate::domain::ledger::Delta;
use crate::domain::level::Level;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::entity::Stored;
use pg::{Tx, statement};

/// The sums of a level's movements.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    /// The level.
    pub stock_id: Id<Level>,
    /// The sums.
    pub quantities: Delta,
    /// Units that reservations hold.
    pub held: i64,
}

impl Truth {
    /// With a movement that is not written yet.
    pub fn plus(self, delta: Delta) -> Self {
        let own = self.quantities;
        let quantities = Delta {
            on_hand: own.on_hand + delta.on_hand,
            allocated: own.allocated + delta.allocated,
            reserved: own.reserved + delta.reserved,
        };
        Self { quantities, ..self }
    }
}

/// Locks the next levels by id, of a warehouse and a SKU or of all.
pub async fn lock_next(
    tx: &mut Tx,
    warehouse_id: &str,
    sku: &str,
    after: Id<Level>,
    limit: i64,
) -> Result<Vec<Level>, Fault> {
    let rows: Vec<Row> = statement(
        "select l.* from levels l
         where l.id > $1 and (l.warehouse_id::text = $2 or $2 = '') and (l.sku = $3 or $3 = '')
         order by l.id limit $4 for no key update",
    )
    .bind::<SqlUuid, _>(after)
    .bind::<Text, _>(warehouse_id.to_lowercase())
    .bind::<Text, _>(sku)
    .bind::<BigInt, _>(limit)
    .get_results(tx.conn())
    .await?;
    rows.into_iter().map(Level::from_row).collect()
}

/// The sums of the movements of locked levels, and what reservations hold of them.
pub async fn truths(tx: &mut Tx, ids: &[Id<Level>]) -> Result<Vec<Truth>, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(diesel::pg::Pg))]
    struct Sums {
        #[diesel(sql_type = SqlUuid)]
        id: Id<Level>,
        #[diesel(sql_type = BigInt)]
        on_hand: i64,
        #[diesel(sql_type = BigInt)]
        allocated: i64,
        #[diesel(sql_type = BigInt)]
        reserved: i64,
        #[diesel(sql_type = BigInt)]
        held: i64,
    }
    let rows: Vec<Sums> = statement(
        "select l.id, coalesce(m.on_hand, 0)::bigint as on_hand,
           coalesce(m.allocated, 0)::bigint as allocated,
           coalesce(m.reserved, 0)::bigint as reserved, coalesce(h.held, 0)::bigint as held
         from unnest($1) as l (id)
         left join lateral (
           select sum(on_hand_change) as on_hand, sum(allocated_change) as allocated,
             sum(reserved_change) as reserved from movements where stock_id = l.id) m on true
         left join lateral (
           select sum(quantity) as held from reservation_lines
           where stock_id = l.id and held) h on true",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .get_results(tx.conn())
    .await?;
    let truth = |row: Sums| Truth {
        stock_id: row.id,
        quantities: Delta {
            on_hand: row.on_hand,
            allocated: row.allocated,
            reserved: row.reserved,
        },
        held: row.held,
    };
    Ok(rows.into_iter().map(truth).collect())
}

/// Has the thresholds of all levels looked at.
pub async fn look_at_thresholds(tx: &mut Tx) -> Result<(), Fault> {
    statement(
        "insert into thresholds_due (sku)
         select distinct sku from levels order by sku on conflict do nothing",
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Locks all levels of SKUs.
pub async fn lock_of_skus(tx: &mut Tx, skus: &[Sku]) -> Result<Vec<Level>, Fault> {
    let rows: Vec<Row> =
        statement("select l.* from levels l where l.sku = any($1) order by l.id for no key update")
            .bind::<Array<Text>, _>(skus)
            .get_results(tx.conn())
            .await?;
    rows.into_iter().map(Level::from_row).collect()
}
