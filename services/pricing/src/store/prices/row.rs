use crate::domain::draft::PriceKey;
use crate::domain::item::{Item, Product, Target, Variant};
use crate::domain::price::Price;
use crate::schema::prices;
use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use fault::Fault;
use kernel::currency::Currency;
use kernel::id::Id;
use kernel::price::Scope;
use kernel::sku::Sku;
use kernel::window::Window;

/// A price as its table holds it.
#[derive(Queryable, Selectable, QueryableByName)]
#[diesel(table_name = prices, check_for_backend(Pg))]
pub(super) struct Row {
    price_id: Id<Price>,
    sku: Option<Sku>,
    product_id: Id<Product>,
    variant_id: Option<Id<Variant>>,
    currency: Currency,
    customer_id: Option<String>,
    customer_group: Option<String>,
    warehouse_id: Option<String>,
    channel: Option<String>,
    country: Option<String>,
    valid_from: Option<DateTime<Utc>>,
    valid_until: Option<DateTime<Utc>>,
    base_minor: i64,
    sale_minor: Option<i64>,
    version: i64,
    deleted_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// What [`Row`] reads, of the table `prices`, for statements that are written by hand.
pub(super) const COLUMNS: &str = "prices.price_id, prices.sku, prices.product_id, \
     prices.variant_id, prices.currency, prices.customer_id, prices.customer_group, \
     prices.warehouse_id, prices.channel, prices.country, prices.valid_from, prices.valid_until, \
     prices.base_minor, prices.sale_minor, prices.version, prices.deleted_at, prices.created_at, \
     prices.updated_at";

impl TryFrom<Row> for Price {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        let item = row.sku.map_or(Item::Product(row.product_id), Item::Sku);
        let scope = Scope {
            customer: row.customer_id,
            group: row.customer_group,
            warehouse: row.warehouse_id,
            channel: row.channel,
            country: row.country,
        };
        let window = Window::try_new(row.valid_from, row.valid_until).map_err(Fault::internal)?;
        let key = PriceKey { item: item.clone(), scope, currency: row.currency, window };
        Ok(Self {
            id: row.price_id,
            target: Target { item, product_id: row.product_id, variant_id: row.variant_id },
            key,
            base: row.base_minor,
            sale: row.sale_minor,
            version: row.version,
            deleted_at: row.deleted_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
