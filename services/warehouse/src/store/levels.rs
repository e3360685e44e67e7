//! Levels. They are written by `save::ledger` only, together with the movements that explain them.

use crate::domain::item::{Product, Variant};
use crate::domain::ledger::{Booked, Cause, Delta, Kind, Ledger};
use crate::domain::level::{Level, Settings};
use crate::domain::reservation::Reservation;
use crate::domain::rules::Rules;
use crate::domain::status::Status;
use crate::domain::warehouse::Warehouse;
use crate::schema::levels;
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault, context};
use kernel::head::Head;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::entity::{self, Stored};
use pg::{Columns, Statement, Tx, statement};
use uuid::Uuid;

/// A level as its table holds it.
#[derive(QueryableByName)]
#[diesel(table_name = levels, check_for_backend(diesel::pg::Pg))]
pub struct Row {
    #[diesel(embed)]
    head: Head<Level>,
    sku: Sku,
    product_id: Id<Product>,
    variant_id: Id<Variant>,
    warehouse_id: Id<Warehouse>,
    on_hand: i64,
    allocated: i64,
    reserved: i64,
    safety_stock: i64,
    backorder_limit: i64,
    preorder_ships_at: Option<DateTime<Utc>>,
    threshold: i64,
    status: String,
}

impl Stored for Level {
    const TABLE: &'static str = "levels";

    type Row = Row;

    fn from_row(row: Row) -> Result<Self, Fault> {
        let status = Status::of(&row.status)
            .ok_or_else(|| Fault::internal(format!("no status is called {}", row.status)))?;
        Ok(Self {
            head: row.head,
            sku: row.sku,
            product_id: row.product_id,
            variant_id: row.variant_id,
            warehouse_id: row.warehouse_id,
            on_hand: row.on_hand,
            allocated: row.allocated,
            reserved: row.reserved,
            settings: Settings {
                safety_stock: row.safety_stock,
                backorder_limit: row.backorder_limit,
                preorder_ships_at: row.preorder_ships_at,
            },
            threshold: row.threshold,
            status,
        })
    }

    fn columns(columns: Columns<'_, Self>) -> Columns<'_, Self> {
        columns
            .fixed::<Text, _>("sku", |own| own.sku.as_str())
            .fixed::<SqlUuid, _>("product_id", |own| own.product_id)
            .fixed::<SqlUuid, _>("variant_id", |own| own.variant_id)
            .fixed::<SqlUuid, _>("warehouse_id", |own| own.warehouse_id)
            .column::<BigInt, _>("on_hand", |own| own.on_hand)
            .column::<BigInt, _>("allocated", |own| own.allocated)
            .column::<BigInt, _>("reserved", |own| own.reserved)
            .column::<BigInt, _>("safety_stock", |own| own.settings.safety_stock)
            .column::<BigInt, _>("backorder_limit", |own| own.settings.backorder_limit)
            .column::<Nullable<Timestamptz>, _>("preorder_ships_at", |own| {
                own.settings.preorder_ships_at
            })
            .column::<BigInt, _>("threshold", |own| own.threshold)
            .column::<Text, _>("status", |own| own.status.name())
    }

    fn not_found(_id: Id<Self>) -> Fault {
        Fault::internal("a level is gone")
    }
}

/// A locked level with what else decides whether units of it may be held.
pub struct Locked {
    /// The level.
    pub level: Level,
    /// Version of its warehouse.
    pub warehouse_version: i64,
    /// Whether the catalogue has deleted the SKU.
    pub is_deleted: bool,
    /// The rules of the SKU.
    pub rules: Rules,
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct LockedRow {
    #[diesel(embed)]
    level: Row,
    #[diesel(sql_type = BigInt)]
    warehouse_version: i64,
    #[diesel(sql_type = Bool)]
    is_deleted: bool,
    #[diesel(sql_type = Nullable<BigInt>)]
    minimum: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    maximum: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    step: Option<i64>,
    #[diesel(sql_type = Nullable<Integer>)]
    hold_seconds: Option<i32>,
}

/// Levels with what decides about them. An array tells the planner how many SKUs there are, `unnest` would not.
const WANTED: &str = "select l.*, w.version as warehouse_version,
       i.deleted_at is not null as is_deleted, r.minimum, r.maximum, r.step, r.hold_seconds
     from levels l
     join warehouses w on w.id = l.warehouse_id and w.deleted_at is null
     join items i on i.sku = l.sku
     left join sku_rules r on r.sku = l.sku";

const OF_SKUS: &str = "l.sku = any($1) and (l.warehouse_id = any($2) or l.sku = any($3))";

/// The levels of SKUs in warehouses that exist: of those in `anywhere` in all, of the others in `warehouse_ids`.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The SKUs.
    pub skus: Vec<Sku>,
    /// Warehouses that lines name.
    pub warehouse_ids: Vec<Id<Warehouse>>,
    /// SKUs that any warehouse may ship.
    pub anywhere: Vec<Sku>,
}

/// Locks levels in the order of their ids, as everywhere.
pub async fn lock_wanted(tx: &mut Tx, wanted: &Wanted) -> Result<Vec<Locked>, Fault> {
    let sql = format!("{WANTED} where {OF_SKUS} order by l.id for no key update of l");
    into_locked(wanted.bound(sql).get_results(tx.conn()).await?)
}

/// The same, and those that a reservation has lines of.
pub async fn lock_wanted_with(
    tx: &mut Tx,
    wanted: &Wanted,
    id: Id<Reservation>,
) -> Result<Vec<Locked>, Fault> {
    let sql = format!(
        "{WANTED} where ({OF_SKUS})
           or l.id in (select stock_id from reservation_lines where reservation_id = $4)
         order by l.id for no key update of l"
    );
    into_locked(wanted.bound(sql).bind::<SqlUuid, _>(id).get_results(tx.conn()).await?)
}

/// The same levels, not locked, with holds whose time is up left out.
pub async fn find_wanted(tx: &mut Tx, wanted: &Wanted) -> Result<Vec<Locked>, Fault> {
    let sql = format!("{WANTED} where {OF_SKUS} order by l.id");
    let mut found = into_locked(wanted.bound(sql).get_results(tx.conn()).await?)?;
    leave_out_expired(tx, found.iter_mut().map(|own| &mut own.level)).await?;
    Ok(found)
}

impl Wanted {
    fn bound(&self, sql: String) -> Statement<'_> {
        statement(sql)
            .bind::<Array<Text>, _>(&self.skus)
            .bind::<Array<SqlUuid>, _>(&self.warehouse_ids)
            .bind::<Array<Text>, _>(&self.anywhere)
    }
}

fn into_locked(rows: Vec<LockedRow>) -> Result<Vec<Locked>, Fault> {
    rows.into_iter().map(LockedRow::locked).collect()
}

impl LockedRow {
    fn locked(self) -> Result<Locked, Fault> {
        let rules = Rules {
            minimum: self.minimum.unwrap_or_default(),
            maximum: self.maximum.unwrap_or_default(),
            step: self.step.unwrap_or_default(),
            hold_seconds: self.hold_seconds.unwrap_or_default(),
            ..Rules::default()
        };
        Ok(Locked {
            level: Level::from_row(self.level)?,
            warehouse_version: self.warehouse_version,
            is_deleted: self.is_deleted,
            rules,
        })
    }
}

/// Locks the levels of SKUs in warehouses that exist there, each pair given once.
pub async fn lock_pairs(tx: &mut Tx, pairs: &[(Sku, Id<Warehouse>)]) -> Result<Vec<Level>, Fault> {
    let (skus, warehouses): (Vec<&Sku>, Vec<Id<Warehouse>>) =
        pairs.iter().map(|(sku, id)| (sku, *id)).unzip();
    let rows: Vec<Row> = statement(
        "select l.* from levels l
         where (l.sku, l.warehouse_id) in (select * from unnest($1, $2))
         order by l.id for no key update",
    )
    .bind::<Array<Text>, _>(skus)
    .bind::<Array<SqlUuid>, _>(warehouses)
    .get_results(tx.conn())
    .await?;
    rows.into_iter().map(Level::from_row).collect()
}

/// Locks the levels that the lines of reservations are of.
pub async fn lock_of_reservations(
    tx: &mut Tx,
    ids: &[Id<Reservation>],
) -> Result<Vec<Level>, Fault> {
    let rows: Vec<Row> = statement(
        "select l.* from levels l
         where l.id in (select stock_id from reservation_lines where reservation_id = any($1))
         order by l.id for no key update",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .get_results(tx.conn())
    .await?;
    rows.into_iter().map(Level::from_row).collect()
}

/// Begins a ledger of locked levels: what they hold beyond its time is let go of, and the instant is that of the database after the
/// locks.
pub async fn sweep(tx: &mut Tx, levels: Vec<Level>) -> Result<Ledger, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(diesel::pg::Pg))]
    struct Swept {
        #[diesel(sql_type = Timestamptz)]
        now: DateTime<Utc>,
        #[diesel(sql_type = Nullable<SqlUuid>)]
        stock_id: Option<Id<Level>>,
        #[diesel(sql_type = Nullable<SqlUuid>)]
        reservation_id: Option<Uuid>,
        #[diesel(sql_type = Nullable<BigInt>)]
        quantity: Option<i64>,
    }
    let ids: Vec<Id<Level>> = levels.iter().map(|level| level.head.id).collect();
    let offset = offset_micros(tx);
    let rows: Vec<Swept> = statement(
        "with swept as (
           update reservation_lines set held = false
           where stock_id = any($1) and held
             and expires_at <= statement_timestamp() + $2 * interval '1 microsecond'
           returning stock_id, reservation_id, quantity)
         select statement_timestamp() as now, swept.* from (select) one left join swept on true",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<BigInt, _>(offset)
    .get_results(tx.conn())
    .await?;
    let now = match rows.as_slice().first() {
        Some(row) => tx.at(row.now),
        None => tx.now().await?,
    };
    let actor = context::current().caller.subject.clone();
    let mut ledger = Ledger::new(levels, actor, now);
    for row in rows {
        let Some((stock_id, quantity)) = row.stock_id.zip(row.quantity) else { continue };
        // Nobody asked for it: its time was up.
        let cause = Cause {
            reservation_id: row.reservation_id,
            actor: "warehouse".to_owned(),
            ..Cause::default()
        };
        ledger.book(stock_id, Kind::Release, Delta::hold(-quantity), cause)?;
    }
    Ok(ledger)
}

fn offset_micros(tx: &Tx) -> i64 {
    tx.clock_offset().num_microseconds().unwrap_or_default()
}

/// Leaves out of levels that were only read what they hold beyond its time.
pub async fn leave_out_expired<'l>(
    tx: &mut Tx,
    levels: impl Iterator<Item = &'l mut Level>,
) -> Result<(), Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(diesel::pg::Pg))]
    struct Expired {
        #[diesel(sql_type = SqlUuid)]
        stock_id: Id<Level>,
        #[diesel(sql_type = BigInt)]
        quantity: i64,
    }
    let mut held: Vec<&mut Level> = levels.filter(|level| level.reserved > 0).collect();
    if held.is_empty() {
        return Ok(());
    }
    let ids: Vec<Id<Level>> = held.iter().map(|level| level.head.id).collect();
    let offset = offset_micros(tx);
    let rows: Vec<Expired> = statement(
        "select stock_id, sum(quantity)::bigint as quantity from reservation_lines
         where stock_id = any($1) and held
           and expires_at <= statement_timestamp() + $2 * interval '1 microsecond'
         group by stock_id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<BigInt, _>(offset)
    .get_results(tx.conn())
    .await?;
    for row in rows {
        for level in held.iter_mut().filter(|level| level.head.id == row.stock_id) {
            // Somebody may have swept it since the level was read.
            level.reserved = (level.reserved - row.quantity).max(0);
            level.status = level.next_status();
        }
    }
    Ok(())
}

/// Levels of a SKU in warehouses that exist, by warehouse, with holds whose time is up left out.
pub async fn of_skus(tx: &mut Tx, skus: &[Sku]) -> Result<Vec<Level>, Fault> {
    let rows: Vec<Row> = statement(
        "select l.* from levels l join warehouses w on w.id = l.warehouse_id
         where l.sku = any($1) and w.deleted_at is null order by l.sku, l.warehouse_id",
    )
    .bind::<Array<Text>, _>(skus)
    .get_results(tx.conn())
    .await?;
    let mut levels: Vec<Level> =
        rows.into_iter().map(Level::from_row).collect::<Result<_, Fault>>()?;
    leave_out_expired(tx, levels.iter_mut()).await?;
    Ok(levels)
}

/// What a page of levels is limited to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this warehouse.
    pub warehouse_id: Option<Id<Warehouse>>,
    /// Of this SKU.
    pub sku: Option<Sku>,
    /// Of these statuses; none: of all.
    pub statuses: Vec<Status>,
}

/// A page of levels by id.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    after: Id<Level>,
    limit: i64,
) -> Result<Vec<Level>, Fault> {
    let statuses: Vec<&str> = filter.statuses.iter().map(|status| status.name()).collect();
    let statuses = Some(statuses).filter(|statuses| !statuses.is_empty());
    let mut levels = entity::list(after, limit)
        .matching::<SqlUuid, _>("owner.warehouse_id = ?", filter.warehouse_id)
        .matching::<Text, _>("owner.sku = ?", filter.sku.as_ref())
        .matching::<Array<Text>, _>("owner.status = any(?)", statuses)
        .load(tx)
        .await?;
    leave_out_expired(tx, levels.iter_mut()).await?;
    Ok(levels)
}

/// Writes levels that a ledger changed.
pub async fn write(tx: &mut Tx, booked: &[Booked]) -> Result<(), Fault> {
    let (mut new, old): (Vec<&Booked>, Vec<&Booked>) = booked.iter().partition(|own| own.is_new);
    // In one order, so that two transactions with the same new levels do not deadlock.
    new.sort_by_key(|own| (own.level.sku.clone(), own.level.warehouse_id));
    let count = new.len();
    if entity::columns(new.iter().map(|own| &own.level)).insert_new(tx).await? != count {
        return Err(Fault::new(Common::Contended, "another call got in the way; repeat it"));
    }
    let count = old.len();
    if entity::columns(old.iter().map(|own| &own.level)).update(tx).await? != count {
        return Err(Fault::internal("levels that were changed are gone"));
    }
    Ok(())
}
