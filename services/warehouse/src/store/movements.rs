//! Movements. Rows are only ever inserted, by `save::ledger`.

use crate::domain::ledger::{Cause, Delta, Kind, Movement, Transfer};
use crate::domain::level::Level;
use crate::domain::reservation::Reservation;
use crate::domain::warehouse::Warehouse;
use crate::schema::movements;
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault};
use kernel::id::Id;
use kernel::sku::Sku;
use pg::{Columns, Tx, statement};
use uuid::Uuid;

#[derive(QueryableByName)]
#[diesel(table_name = movements, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: Id<Movement>,
    stock_id: Id<Level>,
    kind: String,
    on_hand_change: i64,
    allocated_change: i64,
    reserved_change: i64,
    on_hand_after: i64,
    allocated_after: i64,
    reserved_after: i64,
    stock_version: i64,
    reservation_id: Option<Uuid>,
    order_id: Option<String>,
    fulfillment_id: Option<String>,
    transfer_id: Option<Id<Transfer>>,
    movement_key: Option<String>,
    note: String,
    actor: String,
    created_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct NamedRow {
    #[diesel(embed)]
    movement: Row,
    #[diesel(sql_type = Text)]
    sku: Sku,
    #[diesel(sql_type = SqlUuid)]
    warehouse_id: Id<Warehouse>,
}

/// A movement with what its level is of.
pub struct Named {
    /// The movement.
    pub movement: Movement,
    /// SKU of the level.
    pub sku: Sku,
    /// Warehouse of the level.
    pub warehouse_id: Id<Warehouse>,
}

/// What a page of movements is limited to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this SKU.
    pub sku: Option<Sku>,
    /// In this warehouse.
    pub warehouse_id: Option<Id<Warehouse>>,
    /// Of this order.
    pub order_id: Option<String>,
    /// Of this reservation.
    pub reservation_id: Option<Id<Reservation>>,
    /// From this instant on.
    pub from: Option<DateTime<Utc>>,
    /// Before this instant.
    pub until: Option<DateTime<Utc>>,
}

const SELECT: &str =
    "select m.*, l.sku, l.warehouse_id from movements m join levels l on l.id = m.stock_id";

/// Inserts movements, for `save::ledger`.
pub async fn insert(tx: &mut Tx, rows: &[Movement]) -> Result<(), Fault> {
    Columns::of("movements", "id", rows)
        .column::<SqlUuid, _>("id", |own| own.id)
        .column::<SqlUuid, _>("stock_id", |own| own.stock_id)
        .column::<Text, _>("kind", |own| own.kind.name())
        .column::<BigInt, _>("on_hand_change", |own| own.delta.on_hand)
        .column::<BigInt, _>("allocated_change", |own| own.delta.allocated)
        .column::<BigInt, _>("reserved_change", |own| own.delta.reserved)
        .column::<BigInt, _>("on_hand_after", |own| own.after.on_hand)
        .column::<BigInt, _>("allocated_after", |own| own.after.allocated)
        .column::<BigInt, _>("reserved_after", |own| own.after.reserved)
        .column::<BigInt, _>("stock_version", |own| own.stock_version)
        .column::<Nullable<SqlUuid>, _>("reservation_id", |own| own.cause.reservation_id)
        .column::<Nullable<Text>, _>("order_id", |own| own.cause.order_id.as_deref())
        .column::<Nullable<Text>, _>("fulfillment_id", |own| own.cause.fulfillment_id.as_deref())
        .column::<Nullable<SqlUuid>, _>("transfer_id", |own| own.cause.transfer_id)
        .column::<Nullable<Text>, _>("movement_key", |own| own.cause.movement_key.as_deref())
        .column::<Text, _>("note", |own| &*own.cause.note)
        .column::<Text, _>("actor", |own| &*own.cause.actor)
        .column::<Timestamptz, _>("created_at", |own| own.at)
        .insert(tx)
        .await
        .map_err(taken)?;
    Ok(())
}

/// Another transaction has just recorded one of the keys: when this one is repeated it finds it.
fn taken(error: diesel::result::Error) -> Fault {
    match Fault::constraint(&error) {
        Some("movements_key") => {
            Fault::new(Common::Contended, "another call got in the way; repeat it").because(error)
        }
        _ => error.into(),
    }
}

/// The movements that have these keys.
pub async fn with_keys(tx: &mut Tx, keys: &[&str]) -> Result<Vec<Named>, Fault> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<NamedRow> = statement(format!("{SELECT} where m.movement_key = any($1)"))
        .bind::<Array<Text>, _>(keys)
        .get_results(tx.conn())
        .await?;
    rows.into_iter().map(NamedRow::named).collect()
}

/// The movements by which a reservation was last promised to its order, one for each line, in the order of the lines.
pub async fn of_commit(tx: &mut Tx, id: Id<Reservation>) -> Result<Vec<Id<Movement>>, Fault> {
    let rows: Vec<NamedRow> = statement(format!(
        "{SELECT} join reservation_lines r
           on r.reservation_id = m.reservation_id and r.stock_id = m.stock_id
         where m.reservation_id = $1 and m.kind = 'allocate' order by r.position, m.id"
    ))
    .bind::<SqlUuid, _>(id)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.movement.id).collect())
}

/// A page of movements before an id, the newest first.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    before: Id<Movement>,
    limit: i64,
) -> Result<Vec<Named>, Fault> {
    // What is not limited is not in the text: each text is planned for what it has.
    let mut sql = format!("{SELECT} where m.id < $1");
    let mut number = 2;
    let mut and = |given: bool, condition: &str| {
        if given {
            number += 1;
            sql.push_str(&format!(" and {condition} ${number}"));
        }
    };
    and(filter.sku.is_some(), "l.sku =");
    and(filter.warehouse_id.is_some(), "l.warehouse_id =");
    and(filter.order_id.is_some(), "m.order_id =");
    and(filter.reservation_id.is_some(), "m.reservation_id =");
    and(filter.from.is_some(), "m.created_at >=");
    and(filter.until.is_some(), "m.created_at <");
    let mut query = statement(format!("{sql} order by m.id desc limit $2"))
        .bind::<SqlUuid, _>(before)
        .bind::<BigInt, _>(limit);
    if let Some(sku) = &filter.sku {
        query = query.bind::<Text, _>(sku);
    }
    if let Some(id) = filter.warehouse_id {
        query = query.bind::<SqlUuid, _>(id);
    }
    if let Some(id) = &filter.order_id {
        query = query.bind::<Text, _>(id);
    }
    if let Some(id) = filter.reservation_id {
        query = query.bind::<SqlUuid, _>(id);
    }
    for at in [filter.from, filter.until].into_iter().flatten() {
        query = query.bind::<Timestamptz, _>(at);
    }
    let rows: Vec<NamedRow> = query.get_results(tx.conn()).await?;
    rows.into_iter().map(NamedRow::named).collect()
}

impl NamedRow {
    fn named(self) -> Result<Named, Fault> {
        let row = self.movement;
        let kind = Kind::of(&row.kind)
            .ok_or_else(|| Fault::internal(format!("no movement is called {}", row.kind)))?;
        let movement = Movement {
            id: row.id,
            stock_id: row.stock_id,
            kind,
            delta: Delta {
                on_hand: row.on_hand_change,
                allocated: row.allocated_change,
                reserved: row.reserved_change,
            },
            after: Delta {
                on_hand: row.on_hand_after,
                allocated: row.allocated_after,
                reserved: row.reserved_after,
            },
            stock_version: row.stock_version,
            cause: Cause {
                reservation_id: row.reservation_id,
                order_id: row.order_id,
                fulfillment_id: row.fulfillment_id,
                transfer_id: row.transfer_id,
                movement_key: row.movement_key,
                note: row.note,
                actor: row.actor,
            },
            at: row.created_at,
        };
        Ok(Named { movement, sku: self.sku, warehouse_id: self.warehouse_id })
    }
}
