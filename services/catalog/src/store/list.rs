//! What lists are filtered and sorted by: a read model of products. jobs/keep_list is its only writer.

use super::{unreadable, values};
use crate::domain::brand::Brand;
use crate::domain::category::Category;
use crate::domain::listed::{Listed, tier1_terms, title_key, value_terms};
use crate::domain::product::{Product, Status};
use crate::domain::variant::Tier1;
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::currency::Currency;
use kernel::id::Id;
use pg::{Columns, Tx, statement};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Has products looked at, whether or not they are due already.
pub async fn is_due(tx: &mut Tx, ids: impl IntoIterator<Item = Id<Product>>) -> Result<(), Fault> {
    let ids: BTreeSet<Id<Product>> = ids.into_iter().collect();
    if ids.is_empty() {
        return Ok(());
    }
    statement("insert into list_due (product_id) select * from unnest($1)")
        .bind::<Array<SqlUuid>, _>(ids.into_iter().collect::<Vec<_>>())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Has all products of categories at and below one looked at.
pub async fn is_due_below(tx: &mut Tx, category_id: Id<Category>) -> Result<(), Fault> {
    statement(
        "with recursive below as (
           select $1 as id, 1 as level
           union
           select c.id, below.level + 1 from below
           join categories c on c.parent_id = below.id where below.level < 20)
         insert into list_due (product_id)
         select distinct pc.product_id from product_categories pc
         join below on below.id = pc.category_id",
    )
    .bind::<SqlUuid, _>(category_id)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether there is something to look at, and when the next price begins or ends.
#[derive(Debug, QueryableByName)]
#[diesel(check_for_backend(Pg))]
pub struct Due {
    /// Products are due.
    #[diesel(sql_type = Bool)]
    pub is_due: bool,
    /// When a price begins or ends next; it may have passed.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub next_edge: Option<DateTime<Utc>>,
}

/// What there is to do.
pub async fn due(tx: &mut Tx) -> Result<Due, Fault> {
    let due = statement(
        "select exists (select from list_due) as is_due,
                (select min(next_edge) from product_list) as next_edge",
    );
    Ok(due.get_result(tx.conn()).await?)
}

/// Whether this transaction alone looks at products: two that look at one product at a time could write the older state last.
pub async fn try_lock(tx: &mut Tx) -> Result<bool, Fault> {
    #[derive(QueryableByName)]
    struct Locked {
        #[diesel(sql_type = Bool)]
        locked: bool,
    }
    let row: Locked =
        statement("select pg_try_advisory_xact_lock(hashtext('catalog.product_list')) as locked")
            .get_result(tx.conn())
            .await?;
    Ok(row.locked)
}

/// A product to look at.
#[derive(Debug, QueryableByName)]
#[diesel(check_for_backend(Pg))]
pub struct Taken {
    /// The product.
    #[diesel(sql_type = SqlUuid)]
    pub product_id: Id<Product>,
    /// When it became due.
    #[diesel(sql_type = Timestamptz)]
    pub since: DateTime<Utc>,
}

/// Takes up to `limit` entries that are due, and as many products whose prices change by time alone.
pub async fn take(tx: &mut Tx, limit: i64, now: DateTime<Utc>) -> Result<Vec<Taken>, Fault> {
    let taken = statement(
        "with gone as (
           delete from list_due where id in (select id from list_due order by id limit $1)
           returning product_id, since),
         passed as (
           select product_id, next_edge as since from product_list
           where next_edge <= $2 order by next_edge limit $1)
         select product_id, min(since) as since
         from (select * from gone union all select * from passed) taken
         group by product_id order by product_id",
    );
    let taken = taken.bind::<BigInt, _>(limit).bind::<Timestamptz, _>(now);
    Ok(taken.get_results(tx.conn()).await?)
}

/// Those of the products that exist, as lists see them but for their prices, and the ids of their variants.
pub async fn look_at(
    tx: &mut Tx,
    ids: &[Id<Product>],
) -> Result<Vec<(Listed, Vec<String>)>, Fault> {
    let rows: Vec<ProductRow> = statement(format!(
        "with recursive up as (
           select pc.product_id, c.id, c.parent_id, 1 as level
           from product_categories pc join categories c on c.id = pc.category_id
           where pc.product_id = any($1)
           union
           select up.product_id, c.id, c.parent_id, up.level + 1
           from up join categories c on c.id = up.parent_id where up.level < 20)
         select owner.id, owner.title, owner.brand_id, owner.status,
           array(select distinct up.id from up where up.product_id = owner.id) as category_ids,
           held.*
         from products owner {}
         where owner.id = any($1) and owner.deleted_at is null",
        values::JOIN
    ))
    .bind::<Array<SqlUuid>, _>(ids)
    .get_results(tx.conn())
    .await?;
    let variants: Vec<VariantRow> = statement(format!(
        "select owner.id, owner.product_id, owner.color, owner.size, owner.material, owner.gender,
           owner.age_group, held.*
         from variants owner {}
         where owner.product_id = any($1) and owner.deleted_at is null",
        values::JOIN
    ))
    .bind::<Array<SqlUuid>, _>(ids)
    .get_results(tx.conn())
    .await?;
    let mut seen = BTreeMap::new();
    for row in rows {
        let listed = row.listed()?;
        seen.insert(listed.product_id, (listed, Vec::new()));
    }
    for row in variants {
        let Some((listed, variants)) = seen.get_mut(&row.product_id) else { continue };
        variants.push(row.id.to_string());
        listed.terms.extend(row.terms()?);
    }
    Ok(seen.into_values().collect())
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(Pg))]
struct ProductRow {
    #[diesel(sql_type = SqlUuid)]
    id: Id<Product>,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    brand_id: Option<Id<Brand>>,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Array<SqlUuid>)]
    category_ids: Vec<Id<Category>>,
    #[diesel(embed)]
    held: values::Row,
}

impl ProductRow {
    fn listed(self) -> Result<Listed, Fault> {
        Ok(Listed {
            product_id: self.id,
            title_key: title_key(&self.title),
            brand_id: self.brand_id,
            status: Status::of(&self.status).ok_or_else(|| unreadable("product", self.id))?,
            category_ids: self.category_ids,
            terms: value_terms(&self.held.values()?).into_iter().collect(),
            amounts: BTreeMap::new(),
            next_edge: None,
        })
    }
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(Pg))]
struct VariantRow {
    #[diesel(sql_type = SqlUuid)]
    id: uuid::Uuid,
    #[diesel(sql_type = SqlUuid)]
    product_id: Id<Product>,
    #[diesel(sql_type = Text)]
    color: String,
    #[diesel(sql_type = Text)]
    size: String,
    #[diesel(sql_type = Text)]
    material: String,
    #[diesel(sql_type = Text)]
    gender: String,
    #[diesel(sql_type = Text)]
    age_group: String,
    #[diesel(embed)]
    held: values::Row,
}

impl VariantRow {
    fn terms(self) -> Result<Vec<String>, Fault> {
        let tier1 = Tier1 {
            color: self.color,
            size: self.size,
            material: self.material,
            gender: self.gender,
            age_group: self.age_group,
            weight_grams: 0,
        };
        let mut terms = value_terms(&self.held.values()?);
        terms.extend(tier1_terms(&tier1));
        Ok(terms)
    }
}

/// Writes what was seen of products; those of `ids` that are not among `listed` are gone.
pub async fn save(tx: &mut Tx, ids: &[Id<Product>], listed: &[Listed]) -> Result<(), Fault> {
    let seen: BTreeSet<Id<Product>> = listed.iter().map(|own| own.product_id).collect();
    let gone: Vec<_> = ids.iter().filter(|id| !seen.contains(*id)).copied().collect();
    if !gone.is_empty() {
        statement("delete from product_list where product_id = any($1)")
            .bind::<Array<SqlUuid>, _>(gone)
            .execute(tx.conn())
            .await?;
    }
    if listed.is_empty() {
        return Ok(());
    }
    // Arrays of arrays would be flattened on their way, so they travel as JSON.
    let columns = Columns::of("product_list", "product_id", listed)
        .column::<SqlUuid, _>("product_id", |own| own.product_id)
        .column::<Text, _>("title_key", |own| &*own.title_key)
        .column::<Nullable<SqlUuid>, _>("brand_id", |own| own.brand_id)
        .column::<Text, _>("status", |own| own.status.name())
        .column::<Jsonb, _>("category_ids", |own| {
            json!(own.category_ids.iter().map(ToString::to_string).collect::<Vec<_>>())
        })
        .column::<Jsonb, _>("terms", |own| json!(own.terms))
        .column::<Nullable<Timestamptz>, _>("next_edge", |own| own.next_edge);
    let query = columns.with(|values, names| {
        format!(
            "insert into product_list as own ({names})
             select product_id, title_key, brand_id, status,
               array(select jsonb_array_elements_text(category_ids)::uuid),
               array(select jsonb_array_elements_text(terms)), next_edge
             from unnest({values}) as come ({names}) order by product_id
             on conflict (product_id) do update
             set title_key = excluded.title_key, brand_id = excluded.brand_id,
                 status = excluded.status, category_ids = excluded.category_ids,
                 terms = excluded.terms, next_edge = excluded.next_edge
             where (own.title_key, own.brand_id, own.status, own.category_ids, own.terms, own.next_edge)
               is distinct from (excluded.title_key, excluded.brand_id, excluded.status,
                 excluded.category_ids, excluded.terms, excluded.next_edge)"
        )
    });
    query.execute(tx.conn()).await?;
    save_amounts(tx, listed).await
}

async fn save_amounts(tx: &mut Tx, listed: &[Listed]) -> Result<(), Fault> {
    let ids: Vec<Id<Product>> = listed.iter().map(|own| own.product_id).collect();
    let amounts: Vec<(Id<Product>, &'static str, i64)> = listed
        .iter()
        .flat_map(|own| own.amounts.iter().map(|(of, amount)| (own.product_id, of.code(), *amount)))
        .collect();
    statement(
        "with come as (select * from unnest($2, $3, $4) as come (product_id, currency, amount)),
         gone as (
           delete from product_list_prices old
           where old.product_id = any($1) and not exists (
             select from come where come.product_id = old.product_id and come.currency = old.currency))
         insert into product_list_prices as own (product_id, currency, amount)
         select * from come order by product_id, currency
         on conflict (product_id, currency) do update set amount = excluded.amount
         where own.amount <> excluded.amount",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<SqlUuid>, _>(amounts.iter().map(|(id, _, _)| *id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(amounts.iter().map(|(_, currency, _)| *currency).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(amounts.iter().map(|(_, _, amount)| *amount).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By id.
    Id,
    /// By title, then id.
    Name,
    /// The newest first.
    Newest,
    /// By price in this currency, then id.
    Price(Currency),
    /// The same, the highest first.
    PriceDescending(Currency),
}

/// What a list is of.
#[derive(Debug, Clone)]
pub struct Query {
    /// Only products of this category.
    pub category_id: Option<Id<Category>>,
    /// Also those of the categories below it.
    pub below: bool,
    /// Only those of the brand.
    pub brand_id: Option<Id<Brand>>,
    /// Only those of the status.
    pub status: Option<Status>,
    /// Of each of these, products have one of the terms.
    pub terms: Vec<Vec<String>>,
    /// The order.
    pub order: Order,
}

/// A product of a list, and what orders it.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
#[diesel(check_for_backend(Pg))]
pub struct Place {
    /// The product.
    #[diesel(sql_type = SqlUuid)]
    pub product_id: Id<Product>,
    /// Its title, where that orders; else empty.
    #[diesel(sql_type = Text)]
    pub title_key: String,
    /// Its price, where that orders; else 0.
    #[diesel(sql_type = BigInt)]
    pub amount: i64,
}

/// The places of a page after one.
pub async fn page(
    tx: &mut Tx,
    query: &Query,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<Place>, Fault> {
    // $1 to $6 are bound in any order, what an order needs besides follows, then the terms.
    let by_id = ("'' as title_key, 0::bigint as amount", "", "(l.product_id)", "($1)", 7);
    let price = (
        "'' as title_key, p.amount",
        "join product_list_prices p on p.product_id = l.product_id and p.currency = $7",
        "(p.amount, l.product_id)",
        "($8, $1)",
        9,
    );
    let (shown, join, key, place, next) = match query.order {
        Order::Id | Order::Newest => by_id,
        Order::Name => {
            ("l.title_key, 0::bigint as amount", "", "(l.title_key, l.product_id)", "($7, $1)", 8)
        }
        Order::Price(_) | Order::PriceDescending(_) => price,
    };
    let (than, down) = match query.order {
        Order::Newest | Order::PriceDescending(_) => ("<", " desc"),
        Order::Id | Order::Name | Order::Price(_) => (">", ""),
    };
    let columns = key.trim_matches(['(', ')']).split(", ");
    let columns: Vec<String> = columns.map(|column| format!("{column}{down}")).collect();
    let terms: Vec<String> =
        (next..).take(query.terms.len()).map(|at| format!(" and l.terms && ${at}")).collect();
    let text = format!(
        "select l.product_id, {shown} from product_list l {join}
         where ($1::uuid is null or {key} {than} {place})
           and ($2::uuid is null or l.category_ids @> array[$2])
           and ($3::uuid is null or exists (
             select from product_categories pc
             where pc.product_id = l.product_id and pc.category_id = $3))
           and ($4::uuid is null or l.brand_id = $4)
           and ($5::text is null or l.status = $5){}
         order by {} limit $6",
        terms.concat(),
        columns.join(", "),
    );
    let filed = |below| query.category_id.filter(|_| query.below == below);
    let mut select = statement(text)
        .bind::<Nullable<SqlUuid>, _>(after.map(|own| own.product_id))
        .bind::<Nullable<SqlUuid>, _>(filed(true))
        .bind::<Nullable<SqlUuid>, _>(filed(false))
        .bind::<Nullable<SqlUuid>, _>(query.brand_id)
        .bind::<Nullable<Text>, _>(query.status.map(Status::name))
        .bind::<BigInt, _>(limit);
    select = match query.order {
        Order::Id | Order::Newest => select,
        Order::Name => select.bind::<Text, _>(after.map(|own| &*own.title_key).unwrap_or_default()),
        Order::Price(currency) | Order::PriceDescending(currency) => select
            .bind::<Text, _>(currency.code())
            .bind::<BigInt, _>(after.map(|own| own.amount).unwrap_or_default()),
    };
    for terms in &query.terms {
        select = select.bind::<Array<Text>, _>(terms);
    }
    Ok(select.get_results(tx.conn()).await?)
}
