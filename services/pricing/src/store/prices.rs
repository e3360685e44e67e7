//! Prices. `entity::save` and [`insert`] are the only writers of their table; each writes the outbox
//! too.

use crate::domain::draft::PriceKey;
use crate::domain::item::{Item, Product, Target, Variant};
use crate::domain::price::{Price, not_found};
use crate::domain::selection::Context;
use crate::schema::prices;
use crate::store::items::{level, names};
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::currency::Currency;
use kernel::head::{Change, Head};
use kernel::id::Id;
use kernel::price::Scope;
use kernel::sku::Sku;
use kernel::window::Window;
use pg::entity::{self, Lock, Published, Stored};
use pg::{Columns, Tx, outbox, statement};
use pricing_api::v1::Reason;
use std::collections::HashSet;

/// A price as its table holds it.
#[derive(QueryableByName)]
#[diesel(table_name = prices, check_for_backend(diesel::pg::Pg))]
pub struct Row {
    #[diesel(embed)]
    head: Head<Price>,
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
}

const SELECT: &str = "select owner.*, owner.price_id as id from prices owner";

impl Stored for Price {
    const TABLE: &'static str = "prices";
    const ID: &'static str = "price_id";

    type Row = Row;

    fn select() -> String {
        SELECT.to_owned()
    }

    fn from_row(row: Row) -> Result<Self, Fault> {
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
        let target = Target { item, product_id: row.product_id, variant_id: row.variant_id };
        Ok(Self { head: row.head, target, key, base: row.base_minor, sale: row.sale_minor })
    }

    fn columns(columns: Columns<'_, Self>) -> Columns<'_, Self> {
        key_columns(columns, |price| &price.key)
            .fixed::<Nullable<Text>, _>("sku", |price| match &price.key.item {
                Item::Sku(sku) => Some(sku.as_str()),
                Item::Product(_) => None,
            })
            .fixed::<SqlUuid, _>("product_id", |price| price.target.product_id)
            .fixed::<Nullable<SqlUuid>, _>("variant_id", |price| price.target.variant_id)
            .column::<BigInt, _>("base_minor", |price| price.base)
            .column::<Nullable<BigInt>, _>("sale_minor", |price| price.sale)
    }

    fn not_found(_id: Id<Self>) -> Fault {
        not_found()
    }

    fn refused(error: Error) -> Fault {
        match Fault::constraint(&error) {
            Some("prices_no_overlap") => Fault::new(
                Reason::OverlappingPrice,
                "another price holds during a part of the window; change or delete that one, or \
                 choose another window",
            )
            .because(error),
            _ => error.into(),
        }
    }
}

/// The natural key, less the item's name, which the table derives.
fn key_columns<'a, R>(
    columns: Columns<'a, R>,
    key: impl Fn(&'a R) -> &'a PriceKey + Copy + 'a,
) -> Columns<'a, R> {
    columns
        .fixed::<Text, _>("level", move |row| level(&key(row).item))
        .fixed::<Text, _>("currency", move |row| key(row).currency)
        .fixed::<Nullable<Text>, _>("customer_id", move |row| key(row).scope.customer.as_deref())
        .fixed::<Nullable<Text>, _>("customer_group", move |row| key(row).scope.group.as_deref())
        .fixed::<Nullable<Text>, _>("warehouse_id", move |row| key(row).scope.warehouse.as_deref())
        .fixed::<Nullable<Text>, _>("channel", move |row| key(row).scope.channel.as_deref())
        .fixed::<Nullable<Text>, _>("country", move |row| key(row).scope.country.as_deref())
        .column::<Nullable<Timestamptz>, _>("valid_from", move |row| key(row).window.from())
        .column::<Nullable<Timestamptz>, _>("valid_until", move |row| key(row).window.until())
}

/// Natural keys, to be looked for.
fn keys<'k>(keys: &'k [&'k PriceKey]) -> Columns<'k, &'k PriceKey> {
    key_columns(Columns::of("prices", "price_id", keys), |key| key)
        .column::<Text, _>("item", |key| key.item.to_string())
}

/// How the columns of `wanted` find the prices that have the same item, scope and currency. As in the
/// index `prices_natural_key`, so that it is used.
const SAME_SCOPE: &str = "owner.item = wanted.item and owner.level = wanted.level
     and owner.currency = wanted.currency
     and coalesce(owner.customer_id, '') = coalesce(wanted.customer_id, '')
     and coalesce(owner.customer_group, '') = coalesce(wanted.customer_group, '')
     and coalesce(owner.warehouse_id, '') = coalesce(wanted.warehouse_id, '')
     and coalesce(owner.channel, '') = coalesce(wanted.channel, '')
     and coalesce(owner.country, '') = coalesce(wanted.country, '')";

/// The rest of the natural key.
const SAME_WINDOW: &str =
    "coalesce(owner.valid_from, '-infinity') = coalesce(wanted.valid_from, '-infinity')
     and coalesce(owner.valid_until, 'infinity') = coalesce(wanted.valid_until, 'infinity')";

/// The prices of an item, given by its name and level, and of its product. The statement's time precedes its snapshot, so a price that
/// was set before it is there.
pub const OF_ITEM_NOW: &str = "select owner.*, owner.price_id as id, statement_timestamp() as now
     from items i join prices owner on owner.item = any (array[i.item, i.product_id::text])
       and (owner.item, owner.level) in ((i.item, i.level), (i.product_id::text, 'product'))
     where i.item = $1 and i.level = $2 and i.deleted_at is null and owner.deleted_at is null";

/// All prices of an item that is known here and of its product, with the time of the database's clock before they were read; none
/// where there are none.
pub async fn of_item_now(
    tx: &mut Tx,
    item: &Item,
) -> Result<Option<(Vec<Price>, DateTime<Utc>)>, Fault> {
    #[derive(QueryableByName)]
    struct Now {
        #[diesel(embed)]
        price: Row,
        #[diesel(sql_type = Timestamptz)]
        now: DateTime<Utc>,
    }
    let query =
        statement(OF_ITEM_NOW).bind::<Text, _>(item.to_string()).bind::<Text, _>(level(item));
    let rows: Vec<Now> = query.get_results(tx.conn()).await?;
    let [first, ..] = rows.as_slice() else { return Ok(None) };
    let now = tx.at(first.now);
    Ok(Some((into_prices(rows.into_iter().map(|row| row.price).collect())?, now)))
}

/// Those prices of these items that could apply in the context as far as currency, customer and
/// groups go: items can have tens of thousands of customers' prices. The choice among them is the
/// domain's.
pub async fn candidates(
    tx: &mut Tx,
    items: &[Item],
    context: &Context,
) -> Result<Vec<Price>, Fault> {
    let (skus, products) = names(items);
    let rows = statement(format!(
        "{SELECT} where owner.deleted_at is null
           and ((owner.item = any($1) and owner.level = 'sku')
             or (owner.item = any($2) and owner.level = 'product'))
           and owner.currency = $3
           and (owner.customer_id is null or owner.customer_id = $4)
           and (owner.customer_group is null or owner.customer_group = any($5))"
    ))
    .bind::<Array<Text>, _>(skus)
    .bind::<Array<Text>, _>(products)
    .bind::<Text, _>(context.currency)
    .bind::<Nullable<Text>, _>(&context.customer)
    .bind::<Array<Text>, _>(&context.groups)
    .get_results(tx.conn())
    .await?;
    into_prices(rows)
}

/// Up to `limit` prices by id, after one, of one item or of all; deleted ones excepted.
pub async fn list(
    tx: &mut Tx,
    item: Option<&Item>,
    after: Id<Price>,
    limit: i64,
) -> Result<Vec<Price>, Fault> {
    entity::list(after, limit)
        .matching::<Text, _>("owner.item = ?", item.map(ToString::to_string))
        .matching::<Text, _>("owner.level = ?", item.map(level))
        .load(tx)
        .await
}

/// The prices that have these ids or keys, for change, deleted or not. They are locked in the order of
/// their ids, as everywhere, so two callers with the same prices wait for each other instead of
/// blocking each other.
pub async fn lock(
    tx: &mut Tx,
    ids: &[Id<Price>],
    wanted: &[&PriceKey],
) -> Result<Vec<Price>, Fault> {
    if ids.is_empty() {
        return of_keys(tx, wanted, "order by owner.price_id for update of owner").await;
    }
    // All locks are taken by one statement, since an order over two of them would be none.
    let found = of_keys(tx, wanted, "").await?;
    let all: Vec<Id<Price>> =
        ids.iter().copied().chain(found.iter().map(|price| price.head.id)).collect();
    entity::lock_all(tx, &all, Lock::Change).await
}

async fn of_keys(tx: &mut Tx, wanted: &[&PriceKey], rest: &str) -> Result<Vec<Price>, Fault> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let query = keys(wanted).with(|values, names| {
        format!(
            "{SELECT} join unnest({values}) as wanted ({names}) on {SAME_SCOPE} and {SAME_WINDOW}
             {rest}"
        )
    });
    into_prices(query.get_results(tx.conn()).await?)
}

/// Up to `limit` prices of exactly this item that are not deleted, for change.
pub async fn lock_of_item(tx: &mut Tx, item: &Item, limit: i64) -> Result<Vec<Price>, Fault> {
    let locking = statement(format!(
        "{SELECT} where owner.item = $1 and owner.level = $2 and owner.deleted_at is null
         order by owner.price_id limit $3 for update"
    ))
    .bind::<Text, _>(item.to_string())
    .bind::<Text, _>(level(item))
    .bind::<BigInt, _>(limit);
    into_prices(locking.get_results(tx.conn()).await?)
}

/// Whether a price that has exactly a wanted key is in the way of it: of one that is set it is not, since it is the one to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameKey {
    /// It is.
    Overlaps,
    /// It is not.
    IsMeant,
}

/// For each of the keys that overlaps another price, those `apart` left out: its place, and that price.
pub async fn overlapping(
    tx: &mut Tx,
    wanted: &[&PriceKey],
    same_key: SameKey,
    apart: &HashSet<Id<Price>>,
) -> Result<Vec<(usize, Id<Price>)>, Fault> {
    #[derive(QueryableByName)]
    struct Overlap {
        #[diesel(sql_type = BigInt)]
        position: i64,
        #[diesel(sql_type = SqlUuid)]
        price_id: Id<Price>,
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let same = same_key == SameKey::Overlaps;
    let query = keys(wanted).with(|values, names| {
        format!(
            "select wanted.position, owner.price_id from prices owner
             join unnest({values}) with ordinality as wanted ({names}, position)
             on {SAME_SCOPE}
             where owner.deleted_at is null and case
                 when {SAME_WINDOW} then {same}
                 else tstzrange(owner.valid_from, owner.valid_until)
                         && tstzrange(wanted.valid_from, wanted.valid_until)
                     and (owner.valid_from is not null or owner.valid_until is not null)
                     and (wanted.valid_from is not null or wanted.valid_until is not null)
             end
             order by wanted.position, owner.price_id"
        )
    });
    let mut found: Vec<Overlap> = query.load(tx.conn()).await?;
    found.retain(|overlap| !apart.contains(&overlap.price_id));
    // Positions begin at 1.
    let place = |overlap: &Overlap| usize::try_from(overlap.position - 1).unwrap_or_default();
    Ok(found.iter().map(|overlap| (place(overlap), overlap.price_id)).collect())
}

/// Takes prices out of the way of each other until `entity::save_all` writes their new windows: constraints are checked row by row.
pub async fn park(tx: &mut Tx, ids: &[Id<Price>]) -> Result<(), Fault> {
    statement("update prices set deleted_at = now() where price_id = any($1)")
        .bind::<Array<SqlUuid>, _>(ids)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Inserts new prices and says which: one whose key is taken, or whose window overlaps another's,
/// is left out. They go in the order of their keys, so two callers with the same new prices wait
/// for each other instead of blocking each other. The exclusion constraint counts too: of two inserts
/// at the same time one gives way at once, where a plain insert would end in a deadlock.
pub async fn insert(tx: &mut Tx, mut fresh: Vec<(Price, Change)>) -> Result<Vec<Price>, Fault> {
    #[derive(QueryableByName)]
    struct Inserted {
        #[diesel(sql_type = SqlUuid)]
        price_id: Id<Price>,
    }
    fresh.sort_by_cached_key(|(price, _)| {
        let PriceKey { item, scope, currency, window } = price.key.clone();
        let scope = (scope.customer, scope.group, scope.warehouse, scope.channel, scope.country);
        (item, currency.code(), scope, window.from(), window.until())
    });
    let rows = entity::columns(fresh.iter().map(|(price, _)| price));
    let inserted: Vec<Inserted> = rows.insert_returning(tx).await?;
    let inserted: HashSet<Id<Price>> = inserted.into_iter().map(|row| row.price_id).collect();
    fresh.retain(|(price, _)| inserted.contains(&price.head.id));
    outbox::append(tx, fresh.iter().map(|(price, change)| price.event(change))).await?;
    Ok(fresh.into_iter().map(|(price, _)| price).collect())
}

fn into_prices(rows: Vec<Row>) -> Result<Vec<Price>, Fault> {
    rows.into_iter().map(Price::from_row).collect()
}
