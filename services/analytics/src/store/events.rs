//! The events themselves, each once.

use crate::domain::event::{Item, Source, TrackedEvent};
use crate::domain::types::Kind;
use analytics_api::v1::OrderStatus;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Date, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::currency::Currency;
use kernel::money::Money;
use pg::{Columns, Tx, statement};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Notes the ids of events, and returns those that are new. Another transaction that notes the same one is waited for; ids are noted
/// in their order, so that two such transactions do not wait for each other.
pub async fn claim(tx: &mut Tx, events: &[&TrackedEvent]) -> Result<BTreeSet<Uuid>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        event_id: Uuid,
    }
    let rows: Vec<Row> = statement(
        "insert into event_ids (event_id, day)
         select * from unnest($1, $2) as sent (event_id, day) order by event_id
         on conflict do nothing returning event_id",
    )
    .bind::<Array<SqlUuid>, _>(events.iter().map(|own| own.id).collect::<Vec<_>>())
    .bind::<Array<Date>, _>(events.iter().map(|own| own.day()).collect::<Vec<_>>())
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.event_id).collect())
}

/// Keeps events that are new.
pub async fn insert(
    tx: &mut Tx,
    events: &[&TrackedEvent],
    source: Source,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    Columns::of("events", "event_id", events.iter().copied())
        .column::<Date, _>("day", |own| own.day())
        .column::<SqlUuid, _>("event_id", |own| own.id)
        .column::<Text, _>("event_type", |own| own.kind.name)
        .column::<Timestamptz, _>("occurred_at", |own| own.occurred_at)
        .column::<Timestamptz, _>("received_at", |_| now)
        .column::<Text, _>("source", |_| source.name())
        .column::<Nullable<Text>, _>("session_id", |own| own.session.as_deref())
        .column::<Nullable<Text>, _>("customer_id", |own| own.customer.as_deref())
        .column::<Nullable<SqlUuid>, _>("product_id", |own| own.product)
        .column::<Nullable<Text>, _>("sku", |own| own.sku.as_deref())
        .column::<Nullable<Text>, _>("order_id", |own| own.order.as_deref())
        .column::<Nullable<Text>, _>("order_status", |own| own.status.map(status_name))
        .column::<Nullable<Text>, _>("currency", |own| own.total.map(|own| own.currency.code()))
        .column::<Nullable<BigInt>, _>("total_minor", |own| own.total.map(|own| own.minor))
        .column::<Nullable<Text>, _>("search_term", |own| own.term.as_deref())
        .column::<Nullable<Text>, _>("page_path", |own| own.page.as_deref())
        .column::<Jsonb, _>("properties", |own| properties(&own.properties))
        .insert(tx)
        .await?;
    let lines: Vec<Line> = events.iter().flat_map(|event| lines(event)).collect();
    Columns::of("event_items", "event_id", &lines)
        .column::<Date, _>("day", |own| own.day)
        .column::<SqlUuid, _>("event_id", |own| own.event_id)
        .column::<Integer, _>("position", |own| own.position)
        .column::<Text, _>("sku", |own| own.item.sku.as_str())
        .column::<SqlUuid, _>("product_id", |own| own.item.product)
        .column::<BigInt, _>("quantity", |own| own.item.quantity)
        .column::<Nullable<BigInt>, _>("amount_minor", |own| own.item.amount.map(|own| own.minor))
        .insert(tx)
        .await?;
    Ok(())
}

struct Line<'e> {
    day: NaiveDate,
    event_id: Uuid,
    position: i32,
    item: &'e Item,
}

fn lines(event: &TrackedEvent) -> impl Iterator<Item = Line<'_>> {
    let line = |(position, item)| Line { day: event.day(), event_id: event.id, position, item };
    (0..).zip(&event.items).map(line)
}

fn properties(own: &[(String, String)]) -> serde_json::Value {
    own.iter()
        .map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str())))
        .collect()
}

/// The first events of a day above an id, with when they arrived, by their ids.
pub async fn list(
    tx: &mut Tx,
    day: NaiveDate,
    after: Uuid,
    limit: i64,
) -> Result<Vec<(TrackedEvent, DateTime<Utc>)>, Fault> {
    let rows: Vec<Row> = statement(
        "select event_id, event_type, occurred_at, received_at, session_id, customer_id, product_id, sku,
                order_id, order_status, currency, total_minor, search_term, page_path, properties
         from events where day = $1 and event_id > $2 order by event_id limit $3",
    )
    .bind::<Date, _>(day)
    .bind::<SqlUuid, _>(after)
    .bind::<BigInt, _>(limit)
    .get_results(tx.conn())
    .await?;
    let mut items: HashMap<Uuid, Vec<ItemRow>> = HashMap::new();
    if let (Some(first), Some(last)) = (rows.as_slice().first(), rows.as_slice().last()) {
        let found: Vec<ItemRow> = statement(
            "select event_id, sku, product_id, quantity, amount_minor from event_items
             where day = $1 and event_id between $2 and $3 order by event_id, position",
        )
        .bind::<Date, _>(day)
        .bind::<SqlUuid, _>(first.event_id)
        .bind::<SqlUuid, _>(last.event_id)
        .get_results(tx.conn())
        .await?;
        found.into_iter().for_each(|row| items.entry(row.event_id).or_default().push(row));
    }
    let event = |row: Row| {
        let (items, at) = (items.remove(&row.event_id).unwrap_or_default(), row.received_at);
        Ok((row.event(items)?, at))
    };
    rows.into_iter().map(event).collect()
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Timestamptz)]
    occurred_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    received_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    session_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    customer_id: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    product_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    sku: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    order_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    order_status: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    currency: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    total_minor: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    search_term: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    page_path: Option<String>,
    #[diesel(sql_type = Jsonb)]
    properties: serde_json::Value,
}

#[derive(QueryableByName)]
struct ItemRow {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Text)]
    sku: String,
    #[diesel(sql_type = SqlUuid)]
    product_id: Uuid,
    #[diesel(sql_type = BigInt)]
    quantity: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    amount_minor: Option<i64>,
}

impl Row {
    fn event(self, items: Vec<ItemRow>) -> Result<TrackedEvent, Fault> {
        let unknown = |what: &str| Fault::internal(format!("event {}: {what}", self.event_id));
        let kind = Kind::named(&self.event_type).ok_or_else(|| unknown("unknown type"))?;
        let currency = self.currency.as_deref().map(Currency::parse).transpose();
        let currency = currency.map_err(Fault::internal)?;
        let total = self.total_minor.zip(currency);
        let item = |row: ItemRow| Item {
            sku: row.sku,
            product: row.product_id,
            quantity: row.quantity,
            amount: row.amount_minor.zip(currency).map(|(minor, own)| Money::new(minor, own)),
        };
        let status = self.order_status.as_deref().map(status);
        let named = |(name, value): (&String, &serde_json::Value)| {
            Some((name.clone(), value.as_str()?.to_owned()))
        };
        let properties = self.properties.as_object().into_iter().flatten();
        let mut properties: Vec<_> = properties.filter_map(named).collect();
        properties.sort();
        Ok(TrackedEvent {
            id: self.event_id,
            kind,
            occurred_at: self.occurred_at,
            session: self.session_id,
            customer: self.customer_id,
            product: self.product_id,
            sku: self.sku,
            order: self.order_id,
            status: status.map(|own| own.ok_or_else(|| unknown("unknown status"))).transpose()?,
            total: total.map(|(minor, currency)| Money::new(minor, currency)),
            items: items.into_iter().map(item).collect(),
            term: self.search_term,
            page: self.page_path,
            properties,
        })
    }
}

/// Statuses of orders by their names in the table.
const STATUSES: [(OrderStatus, &str); 5] = [
    (OrderStatus::Pending, "pending"),
    (OrderStatus::Confirmed, "confirmed"),
    (OrderStatus::Shipped, "shipped"),
    (OrderStatus::Delivered, "delivered"),
    (OrderStatus::Cancelled, "cancelled"),
];

fn status_name(status: OrderStatus) -> &'static str {
    STATUSES.iter().find(|(own, _)| *own == status).map_or("", |(_, name)| name)
}

fn status(name: &str) -> Option<OrderStatus> {
    STATUSES.iter().find(|(_, own)| *own == name).map(|(status, _)| *status)
}
