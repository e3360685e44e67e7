//! Prices. [`insert`], [`save`] and [`save_all`] are the only writers of their table; each writes
//! the outbox too.

mod keys;
mod row;

use crate::domain::draft::PriceKey;
use crate::domain::item::Item;
use crate::domain::price::{Price, PriceEvent};
use crate::domain::selection::Context;
use crate::schema::prices;
use crate::store::items::{PRODUCT, SKU, level, names};
use crate::wire;
use contracts::pricing::v1::Reason;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use keys::{KEY, Keys, SAME_SCOPE, SAME_WINDOW};
use pg::{Tx, statement};
use row::{COLUMNS, Row};
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// All prices of these items; deleted ones excepted.
pub async fn of_items(tx: &mut Tx, items: &[Item]) -> Result<Vec<Price>, Fault> {
    let (skus, products) = names(items);
    let rows = prices::table
        .filter(prices::deleted_at.is_null())
        .filter(
            (prices::item.eq_any(skus).and(prices::level.eq(SKU)))
                .or(prices::item.eq_any(products).and(prices::level.eq(PRODUCT))),
        )
        .select(Row::as_select())
        .load(tx.conn())
        .await?;
    whole(rows)
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
    let rows = prices::table
        .filter(prices::deleted_at.is_null())
        .filter(
            (prices::item.eq_any(skus).and(prices::level.eq(SKU)))
                .or(prices::item.eq_any(products).and(prices::level.eq(PRODUCT))),
        )
        .filter(prices::currency.eq(context.currency))
        .filter(prices::customer_id.is_null().or(prices::customer_id.eq(&context.customer)))
        .filter(prices::customer_group.is_null().or(prices::customer_group.eq_any(&context.groups)))
        .select(Row::as_select())
        .load(tx.conn())
        .await?;
    whole(rows)
}

/// Up to `limit` prices by id, after one, of one item or of all; deleted ones excepted.
pub async fn list(
    tx: &mut Tx,
    item: Option<&Item>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Price>, Fault> {
    let mut query = prices::table
        .filter(prices::deleted_at.is_null())
        .order(prices::price_id)
        .limit(limit)
        .select(Row::as_select())
        .into_boxed();
    if let Some(item) = item {
        query = query.filter(prices::item.eq(item.to_string()));
        query = query.filter(prices::level.eq(level(item)));
    }
    if let Some(after) = after {
        query = query.filter(prices::price_id.gt(after));
    }
    whole(query.load(tx.conn()).await?)
}

/// Up to `limit` prices by id, after one, deleted ones included.
pub async fn list_with_deleted(
    tx: &mut Tx,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Price>, Fault> {
    let rows = prices::table
        .filter(prices::price_id.gt(after.unwrap_or_default()))
        .order(prices::price_id)
        .limit(limit)
        .select(Row::as_select())
        .load(tx.conn())
        .await?;
    whole(rows)
}

/// A price for change, deleted or not.
pub async fn lock(tx: &mut Tx, id: Id<Price>) -> Result<Option<Price>, Fault> {
    let row = prices::table.find(id).select(Row::as_select()).for_update().first(tx.conn()).await;
    row.optional()?.map(Price::try_from).transpose()
}

/// The prices that have these keys, for change, deleted or not. They are locked in the order of
/// their ids, as everywhere, so two callers with the same prices wait for each other instead of
/// blocking each other.
pub async fn lock_all(tx: &mut Tx, keys: &[&PriceKey]) -> Result<Vec<Price>, Fault> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select {COLUMNS} from prices
         join unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as wanted ({KEY})
         on {SAME_SCOPE} and {SAME_WINDOW}
         order by prices.price_id for update of prices"
    );
    whole(Keys::from_iter(keys.iter().copied()).bind(sql).load(tx.conn()).await?)
}

/// For each of the keys that overlaps another price: its place, and that price.
pub async fn overlapping(
    tx: &mut Tx,
    keys: &[&PriceKey],
) -> Result<Vec<(usize, Id<Price>)>, Fault> {
    #[derive(QueryableByName)]
    struct Overlap {
        #[diesel(sql_type = BigInt)]
        position: i64,
        #[diesel(sql_type = SqlUuid)]
        price_id: Id<Price>,
    }
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select wanted.position, prices.price_id from prices
         join unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) with ordinality
              as wanted ({KEY}, position)
         on {SAME_SCOPE} and not ({SAME_WINDOW})
            and tstzrange(prices.valid_from, prices.valid_until)
                && tstzrange(wanted.valid_from, wanted.valid_until)
         where prices.deleted_at is null
           and (prices.valid_from is not null or prices.valid_until is not null)
           and (wanted.valid_from is not null or wanted.valid_until is not null)
         order by wanted.position, prices.price_id"
    );
    let keys = Keys::from_iter(keys.iter().copied());
    let found: Vec<Overlap> = keys.bind(sql).load(tx.conn()).await?;
    // Positions begin at 1.
    let place = |overlap: &Overlap| usize::try_from(overlap.position - 1).unwrap_or_default();
    Ok(found.iter().map(|overlap| (place(overlap), overlap.price_id)).collect())
}

/// Inserts new prices and says which: one whose key is taken, or whose window overlaps another's,
/// is left out. They go in the order of their keys, so two callers with the same new prices wait
/// for each other instead of blocking each other. No conflict target is named, so that the
/// exclusion constraint counts too: of two inserts at the same time one gives way at once, where a
/// plain insert would end in a deadlock.
pub async fn insert(
    tx: &mut Tx,
    fresh: &[(Price, PriceEvent)],
) -> Result<HashSet<Id<Price>>, Fault> {
    #[derive(QueryableByName)]
    struct Inserted {
        #[diesel(sql_type = SqlUuid)]
        price_id: Id<Price>,
    }
    if fresh.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = format!(
        "insert into prices
            (price_id, sku, level, product_id, variant_id, currency, customer_id, customer_group,
             warehouse_id, channel, country, valid_from, valid_until, base_minor, sale_minor,
             version, created_at, updated_at)
         select price_id, case level when 'sku' then item end, level, product_id, variant_id,
             currency, customer_id, customer_group, warehouse_id, channel, country, valid_from,
             valid_until, base_minor, sale_minor, version, created_at, updated_at
         from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
                     $11, $12, $13, $14, $15, $16, $17, $18)
              as fresh ({KEY}, price_id, product_id, variant_id, base_minor, sale_minor, version,
                        created_at, updated_at)
         order by item, level, currency, customer_id, customer_group, warehouse_id, channel,
             country, valid_from nulls first, valid_until
         on conflict do nothing
         returning price_id"
    );
    let all = || fresh.iter().map(|(price, _)| price);
    let inserted: Vec<Inserted> = Keys::from_iter(all().map(|price| &price.key))
        .bind(sql)
        .bind::<Array<SqlUuid>, _>(column(all(), |price| price.id.uuid()))
        .bind::<Array<SqlUuid>, _>(column(all(), |price| price.target.product_id.uuid()))
        .bind::<Array<Nullable<SqlUuid>>, _>(column(all(), |price| {
            price.target.variant_id.map(Id::uuid)
        }))
        .bind::<Array<BigInt>, _>(column(all(), |price| price.base))
        .bind::<Array<Nullable<BigInt>>, _>(column(all(), |price| price.sale))
        .bind::<Array<BigInt>, _>(column(all(), |price| price.version))
        .bind::<Array<Timestamptz>, _>(column(all(), |price| price.created_at))
        .bind::<Array<Timestamptz>, _>(column(all(), |price| price.updated_at))
        .load(tx.conn())
        .await?;
    let inserted: HashSet<Id<Price>> = inserted.into_iter().map(|row| row.price_id).collect();
    let said = fresh.iter().filter(|(price, _)| inserted.contains(&price.id));
    pg::outbox::append(tx, said.map(|(price, event)| wire::fact(price, event))).await?;
    Ok(inserted)
}

/// Saves a locked price and says what happened to it.
pub async fn save(tx: &mut Tx, price: Price, event: PriceEvent) -> Result<(), Fault> {
    save_all(tx, &[(price, event)]).await
}

/// Saves locked prices and says what happened to them. Refused with OVERLAPPING_PRICE where one
/// that is set again overlaps another.
pub async fn save_all(tx: &mut Tx, changed: &[(Price, PriceEvent)]) -> Result<(), Fault> {
    if changed.is_empty() {
        return Ok(());
    }
    let all = || changed.iter().map(|(price, _)| price);
    statement(
        "update prices
         set base_minor = changed.base_minor, sale_minor = changed.sale_minor,
             version = changed.version, deleted_at = changed.deleted_at,
             updated_at = changed.updated_at
         from unnest($1, $2, $3, $4, $5, $6)
              as changed (price_id, base_minor, sale_minor, version, deleted_at, updated_at)
         where prices.price_id = changed.price_id",
    )
    .bind::<Array<SqlUuid>, _>(column(all(), |price| price.id.uuid()))
    .bind::<Array<BigInt>, _>(column(all(), |price| price.base))
    .bind::<Array<Nullable<BigInt>>, _>(column(all(), |price| price.sale))
    .bind::<Array<BigInt>, _>(column(all(), |price| price.version))
    .bind::<Array<Nullable<Timestamptz>>, _>(column(all(), |price| price.deleted_at))
    .bind::<Array<Timestamptz>, _>(column(all(), |price| price.updated_at))
    .execute(tx.conn())
    .await
    .map_err(refused)?;
    pg::outbox::append(tx, changed.iter().map(|(price, event)| wire::fact(price, event))).await
}

/// Publishes prices again as they are, deleted ones too; returns which there are. They are locked
/// against a change, so that no newer version is published before.
pub async fn republish(tx: &mut Tx, ids: &[Id<Price>]) -> Result<BTreeSet<Id<Price>>, Fault> {
    let rows = prices::table
        .filter(prices::price_id.eq_any(ids))
        .order(prices::price_id)
        .for_update()
        .select(Row::as_select())
        .load(tx.conn())
        .await?;
    let found = whole(rows)?;
    let fact = |price: &Price| wire::fact(price, &price.again());
    pg::outbox::append(tx, found.iter().map(fact)).await?;
    Ok(found.iter().map(|price| price.id).collect())
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

fn column<'p, V>(prices: impl Iterator<Item = &'p Price>, get: fn(&Price) -> V) -> Vec<V> {
    prices.map(get).collect()
}

fn whole(rows: Vec<Row>) -> Result<Vec<Price>, Fault> {
    rows.into_iter().map(Price::try_from).collect()
}
