//! Warehouses.

use crate::domain::warehouse::{Address, Area, Point, Values, Warehouse};
use crate::schema::{levels, warehouses};
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Double, Integer, Jsonb, Nullable, Text};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::head::Head;
use kernel::id::Id;
use kernel::name::fold;
use pg::entity::Stored;
use pg::{Columns, Tx};
use std::cmp::Ordering;
use std::collections::HashMap;
use warehouse_api::v1::Reason;

/// A warehouse as its table holds it.
#[derive(QueryableByName)]
#[diesel(table_name = warehouses)]
pub struct Row {
    #[diesel(embed)]
    head: Head<Warehouse>,
    code: String,
    name: String,
    status: String,
    street: String,
    city: String,
    postcode: String,
    region: String,
    country: String,
    areas: serde_json::Value,
    channels: serde_json::Value,
    priority: i32,
    shipment_cost_minor: i64,
    latitude: Option<f64>,
    longitude: Option<f64>,
    low_stock_threshold: Option<i64>,
}

const ACTIVE: &str = "active";
const INACTIVE: &str = "inactive";

impl Stored for Warehouse {
    const TABLE: &'static str = "warehouses";

    type Row = Row;

    fn from_row(row: Row) -> Result<Self, Fault> {
        let areas: Vec<Area> = serde_json::from_value(row.areas).map_err(Fault::internal)?;
        let channels = serde_json::from_value(row.channels).map_err(Fault::internal)?;
        let point = row.latitude.zip(row.longitude);
        let values = Values {
            code: row.code,
            name: row.name,
            ships: row.status == ACTIVE,
            address: Address {
                street: row.street,
                city: row.city,
                postcode: row.postcode,
                region: row.region,
                country: row.country,
            },
            areas,
            channels,
            priority: row.priority,
            shipment_cost_minor: row.shipment_cost_minor,
            point: point.map(|(latitude, longitude)| Point { latitude, longitude }),
            low_stock_threshold: row.low_stock_threshold,
        };
        Ok(Self { head: row.head, values })
    }

    fn columns(columns: Columns<'_, Self>) -> Columns<'_, Self> {
        columns
            .column::<Text, _>("code", |own| &*own.values.code)
            .column::<Text, _>("code_folded", |own| fold(&own.values.code))
            .column::<Text, _>("name", |own| &*own.values.name)
            .column::<Text, _>("status", |own| if own.values.ships { ACTIVE } else { INACTIVE })
            .column::<Text, _>("street", |own| &*own.values.address.street)
            .column::<Text, _>("city", |own| &*own.values.address.city)
            .column::<Text, _>("postcode", |own| &*own.values.address.postcode)
            .column::<Text, _>("region", |own| &*own.values.address.region)
            .column::<Text, _>("country", |own| &*own.values.address.country)
            .column::<Jsonb, _>("areas", |own| serde_json::json!(own.values.areas))
            .column::<Jsonb, _>("channels", |own| serde_json::json!(own.values.channels))
            .column::<Integer, _>("priority", |own| own.values.priority)
            .column::<BigInt, _>("shipment_cost_minor", |own| own.values.shipment_cost_minor)
            .column::<Nullable<Double>, _>("latitude", |own| own.values.point.map(|at| at.latitude))
            .column::<Nullable<Double>, _>("longitude", |own| {
                own.values.point.map(|at| at.longitude)
            })
            .column::<Nullable<BigInt>, _>("low_stock_threshold", |own| {
                own.values.low_stock_threshold
            })
    }

    fn not_found(id: Id<Self>) -> Fault {
        Warehouse::not_found(id, "warehouse_id")
    }

    fn refused(error: Error) -> Fault {
        match Fault::constraint(&error) {
            Some("warehouses_code_key") => {
                let message = "belongs to another warehouse";
                Fault::field(Reason::WarehouseCodeTaken, "warehouse.code", message).because(error)
            }
            _ => error.into(),
        }
    }

    fn order(left: &Self, right: &Self) -> Ordering {
        left.values.code.cmp(&right.values.code)
    }
}

/// Whether another warehouse has the code.
pub async fn is_taken(tx: &mut Tx, code: &str, own: Id<Warehouse>) -> Result<bool, Fault> {
    let others = warehouses::table
        .filter(warehouses::code_folded.eq(fold(code)).and(warehouses::deleted_at.is_null()))
        .filter(warehouses::id.ne(own));
    Ok(diesel::select(diesel::dsl::exists(others)).get_result(tx.conn()).await?)
}

/// Warehouses that exist by their folded codes.
pub async fn with_codes(
    tx: &mut Tx,
    folded: &[String],
) -> Result<HashMap<String, Id<Warehouse>>, Fault> {
    let rows: Vec<(String, Id<Warehouse>)> = warehouses::table
        .filter(warehouses::code_folded.eq_any(folded).and(warehouses::deleted_at.is_null()))
        .select((warehouses::code_folded, warehouses::id))
        .load(tx.conn())
        .await?;
    Ok(rows.into_iter().collect())
}

/// How many levels of the warehouse hold something, or may be sold beyond what they hold.
pub async fn stocked(tx: &mut Tx, id: Id<Warehouse>) -> Result<i64, Fault> {
    let own = levels::table.filter(levels::warehouse_id.eq(id)).filter(
        levels::on_hand
            .gt(0)
            .or(levels::allocated.gt(0))
            .or(levels::reserved.gt(0))
            .or(levels::backorder_limit.gt(0)),
    );
    Ok(own.count().get_result(tx.conn()).await?)
}
