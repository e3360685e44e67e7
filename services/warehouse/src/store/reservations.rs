//! Reservations and their lines.

use crate::domain::level::Level;
use crate::domain::reservation::{Line, Reservation, State};
use crate::domain::warehouse::Warehouse;
use crate::schema::reservations;
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::{Columns, Tx, statement};
use std::collections::HashMap;

#[derive(QueryableByName)]
#[diesel(table_name = reservations, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: Id<Reservation>,
    owner_id: String,
    order_id: Option<String>,
    state: String,
    expires_at: DateTime<Utc>,
    payment_in_flight: bool,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct LineRow {
    #[diesel(sql_type = SqlUuid)]
    reservation_id: Id<Reservation>,
    #[diesel(sql_type = SqlUuid)]
    stock_id: Id<Level>,
    #[diesel(sql_type = Text)]
    sku: Sku,
    #[diesel(sql_type = SqlUuid)]
    warehouse_id: Id<Warehouse>,
    #[diesel(sql_type = BigInt)]
    quantity: i64,
    #[diesel(sql_type = BigInt)]
    fulfilled: i64,
    #[diesel(sql_type = BigInt)]
    cancelled: i64,
    #[diesel(sql_type = Bool)]
    held: bool,
}

/// What a page of reservations is limited to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this order.
    pub order_id: Option<String>,
    /// That this fulfillment shipped of.
    pub fulfillment_id: Option<String>,
    /// Of this owner.
    pub owner_id: Option<String>,
}

/// Those of the reservations that exist, by id.
pub async fn find(tx: &mut Tx, ids: &[Id<Reservation>]) -> Result<Vec<Reservation>, Fault> {
    read(tx, ids, "order by id").await
}

/// Locks reservations. Their levels are locked before; the lines are read after both, since sweeping a level changes them.
pub async fn lock(tx: &mut Tx, ids: &[Id<Reservation>]) -> Result<(), Fault> {
    statement("select id from reservations where id = any($1) order by id for no key update")
        .bind::<Array<SqlUuid>, _>(ids)
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn read(tx: &mut Tx, ids: &[Id<Reservation>], rest: &str) -> Result<Vec<Reservation>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = statement(format!("select * from reservations where id = any($1) {rest}"))
        .bind::<Array<SqlUuid>, _>(ids)
        .get_results(tx.conn())
        .await?;
    with_lines(tx, rows).await
}

async fn with_lines(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<Reservation>, Fault> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Id<Reservation>> = rows.iter().map(|row| row.id).collect();
    let found: Vec<LineRow> = statement(
        "select r.reservation_id, r.stock_id, l.sku, l.warehouse_id, r.quantity, r.fulfilled,
           r.cancelled, r.held
         from reservation_lines r join levels l on l.id = r.stock_id
         where r.reservation_id = any($1) order by r.reservation_id, r.position, r.stock_id",
    )
    .bind::<Array<SqlUuid>, _>(&ids)
    .get_results(tx.conn())
    .await?;
    let mut lines: HashMap<Id<Reservation>, Vec<Line>> = HashMap::new();
    for row in found {
        lines.entry(row.reservation_id).or_default().push(row.line());
    }
    let reservation = |row: Row| {
        let lines = lines.remove(&row.id).unwrap_or_default();
        row.reservation(lines)
    };
    rows.into_iter().map(reservation).collect()
}

/// A page of reservations by id.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    after: Id<Reservation>,
    limit: i64,
) -> Result<Vec<Reservation>, Fault> {
    let mut sql = "select * from reservations where id > $1".to_owned();
    let mut query_values = Vec::new();
    for (value, condition) in [
        (&filter.order_id, "order_id ="),
        (&filter.owner_id, "owner_id ="),
        (
            &filter.fulfillment_id,
            "id in (select reservation_id from fulfillments where fulfillment_id =",
        ),
    ] {
        let Some(value) = value else { continue };
        query_values.push(value);
        let (place, end) = (query_values.len() + 2, if condition.contains('(') { ")" } else { "" });
        sql.push_str(&format!(" and {condition} ${place}{end}"));
    }
    let mut query = statement(format!("{sql} order by id limit $2"))
        .bind::<SqlUuid, _>(after)
        .bind::<BigInt, _>(limit);
    for value in query_values {
        query = query.bind::<Text, _>(value);
    }
    let rows: Vec<Row> = query.get_results(tx.conn()).await?;
    with_lines(tx, rows).await
}

/// The reservations of an order.
pub async fn of_order(tx: &mut Tx, order_id: &str) -> Result<Vec<Id<Reservation>>, Fault> {
    ids(
        tx,
        statement("select id from reservations where order_id = $1 order by id")
            .bind::<Text, _>(order_id),
    )
    .await
}

/// Up to `limit` holds whose time is up at an instant.
pub async fn expired(
    tx: &mut Tx,
    at: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Id<Reservation>>, Fault> {
    ids(
        tx,
        statement(
            "select id from reservations where state = 'active' and expires_at <= $1
         order by expires_at limit $2",
        )
        .bind::<Timestamptz, _>(at)
        .bind::<BigInt, _>(limit),
    )
    .await
}

/// When the next hold's time is up; none where nothing is held.
pub async fn next_expiry(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, Fault> {
    #[derive(QueryableByName)]
    struct Next {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        at: Option<DateTime<Utc>>,
    }
    let next: Next =
        statement("select min(expires_at) as at from reservations where state = 'active'")
            .get_result(tx.conn())
            .await?;
    Ok(next.at)
}

async fn ids(tx: &mut Tx, query: pg::Statement<'_>) -> Result<Vec<Id<Reservation>>, Fault> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = SqlUuid)]
        id: Id<Reservation>,
    }
    let rows: Vec<Found> = query.get_results(tx.conn()).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Inserts new reservations with their lines. Others are told by the levels' events only.
pub async fn insert(tx: &mut Tx, new: &[Reservation]) -> Result<(), Fault> {
    columns(new.iter()).insert(tx).await?;
    let lines: Vec<OwnLine<'_>> = new.iter().flat_map(OwnLine::of).collect();
    line_columns(&lines).insert(tx).await?;
    Ok(())
}

/// Writes locked reservations with their lines.
pub async fn write(tx: &mut Tx, changed: &[&Reservation]) -> Result<(), Fault> {
    if changed.is_empty() {
        return Ok(());
    }
    columns(changed.iter().copied()).update(tx).await?;
    let lines: Vec<OwnLine<'_>> = changed.iter().flat_map(|own| OwnLine::of(own)).collect();
    let kept = line_columns(&lines);
    let query = kept.with(|values, names| {
        format!(
            "insert into reservation_lines as own ({names}) select * from unnest({values})
             on conflict (reservation_id, stock_id) do update
             set position = excluded.position, quantity = excluded.quantity,
                 fulfilled = excluded.fulfilled, cancelled = excluded.cancelled,
                 held = excluded.held, expires_at = excluded.expires_at"
        )
    });
    query.execute(tx.conn()).await?;
    Ok(())
}

/// Deletes the lines of a locked reservation that it no longer has.
pub async fn delete_lines_except(tx: &mut Tx, own: &Reservation) -> Result<(), Fault> {
    let kept: Vec<Id<Level>> = own.lines.iter().map(|line| line.stock_id).collect();
    statement("delete from reservation_lines where reservation_id = $1 and stock_id <> all($2)")
        .bind::<SqlUuid, _>(own.id)
        .bind::<Array<SqlUuid>, _>(kept)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// What became of a fulfillment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its units were shipped.
    Shipped,
    /// Its units were taken back.
    Cancelled,
}

/// Whether the fulfillment takes effect on a locked reservation now; false: it did before.
pub async fn claim_fulfillment(
    tx: &mut Tx,
    fulfillment_id: &str,
    id: Id<Reservation>,
    outcome: Outcome,
) -> Result<bool, Fault> {
    let outcome = match outcome {
        Outcome::Shipped => "shipped",
        Outcome::Cancelled => "cancelled",
    };
    let claimed = statement(
        "insert into fulfillments (fulfillment_id, reservation_id, outcome, created_at)
         values ($1, $2, $3, clock_timestamp()) on conflict do nothing",
    )
    .bind::<Text, _>(fulfillment_id)
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(outcome)
    .execute(tx.conn())
    .await?;
    Ok(claimed == 1)
}

fn columns<'a>(rows: impl IntoIterator<Item = &'a Reservation>) -> Columns<'a, Reservation> {
    Columns::of("reservations", "id", rows)
        .column::<SqlUuid, _>("id", |own| own.id)
        .fixed::<Text, _>("owner_id", |own| &*own.owner_id)
        .column::<Nullable<Text>, _>("order_id", |own| own.order_id.as_deref())
        .column::<Text, _>("state", |own| own.state.name())
        .column::<Timestamptz, _>("expires_at", |own| own.expires_at)
        .column::<Bool, _>("payment_in_flight", |own| own.payment_in_flight)
        .column::<BigInt, _>("version", |own| own.version)
        .fixed::<Timestamptz, _>("created_at", |own| own.created_at)
        .column::<Timestamptz, _>("updated_at", |own| own.updated_at)
}

/// A line with what its row takes from its reservation.
struct OwnLine<'r> {
    reservation: &'r Reservation,
    position: i32,
    line: &'r Line,
}

impl<'r> OwnLine<'r> {
    fn of(reservation: &'r Reservation) -> impl Iterator<Item = Self> {
        let own = move |(line, position)| Self { reservation, position, line };
        reservation.lines.iter().zip(0..).map(own)
    }
}

fn line_columns<'a>(lines: &'a [OwnLine<'a>]) -> Columns<'a, OwnLine<'a>> {
    Columns::of("reservation_lines", "stock_id", lines)
        .column::<SqlUuid, _>("reservation_id", |own| own.reservation.id)
        .column::<SqlUuid, _>("stock_id", |own| own.line.stock_id)
        .column::<Integer, _>("position", |own| own.position)
        .column::<BigInt, _>("quantity", |own| own.line.quantity)
        .column::<BigInt, _>("fulfilled", |own| own.line.fulfilled)
        .column::<BigInt, _>("cancelled", |own| own.line.cancelled)
        .column::<Bool, _>("held", |own| own.line.held)
        .column::<Timestamptz, _>("expires_at", |own| own.reservation.expires_at)
}

impl Row {
    fn reservation(self, lines: Vec<Line>) -> Result<Reservation, Fault> {
        let state = State::of(&self.state)
            .ok_or_else(|| Fault::internal(format!("no state is called {}", self.state)))?;
        Ok(Reservation {
            id: self.id,
            owner_id: self.owner_id,
            order_id: self.order_id,
            state,
            expires_at: self.expires_at,
            payment_in_flight: self.payment_in_flight,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            lines,
        })
    }
}

impl LineRow {
    fn line(self) -> Line {
        Line {
            stock_id: self.stock_id,
            sku: self.sku,
            warehouse_id: self.warehouse_id,
            quantity: self.quantity,
            fulfilled: self.fulfilled,
            cancelled: self.cancelled,
            held: self.held,
        }
    }
}
