//! Replicas on the database of one test, and events.

use analytics::App;
use analytics::jobs::add_counts::add;
use analytics_api::v1::{
    EventItem, EventType, RecordEventsRequest, RecordEventsResponse, TrackedEvent,
};
use chrono::{DateTime, TimeDelta, Utc};
use contracts::types::v1::Money;
use convert::timestamp;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Db, Settings, provision};
use secrecy::SecretString;
use std::collections::BTreeMap;
use testbed::{Servers, Template};
use testkit::Mesh;
use uuid::Uuid;

/// Analytics with a database of its own. [`Shop::close`] drops it; a failed test keeps it for inspection.
pub struct Shop {
    pub app: App,
    url: SecretString,
    superuser: SecretString,
    database: String,
}

/// Dimension, value, type and currency of a counter.
pub type Key = (String, String, String, String);

/// Events, units and amount.
pub type Count = (i64, i64, i64);

impl Shop {
    pub async fn open() -> Self {
        let servers = Servers::up().await;
        let database = format!("test_analytics_{}", Uuid::now_v7().simple());
        let template = Template::of_service("analytics", analytics::ROLE.migrations.unwrap());
        let url = servers.database(&template, &database).await;
        let app = app(&url);
        Self { app, url, superuser: servers.superuser, database }
    }

    /// Another process on the same database.
    pub fn replica(&self) -> App {
        app(&self.url)
    }

    pub async fn close(self) {
        drop(self.app);
        provision::drop(&self.superuser, &self.database).await.unwrap();
    }

    /// Sends events to this replica, and adds what they count to the counters.
    pub async fn record(&self, events: &[TrackedEvent]) -> Result<RecordEventsResponse, Fault> {
        let answer = record(&self.app, events).await;
        self.add().await;
        answer
    }

    /// Adds to the counters what was counted.
    pub async fn add(&self) {
        add(&self.app).await.unwrap();
    }

    /// The sums of the counters of a grain over all buckets.
    pub async fn counters(&self, grain: &str) -> BTreeMap<Key, Count> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            dimension: String,
            #[diesel(sql_type = Text)]
            value: String,
            #[diesel(sql_type = Text)]
            event_type: String,
            #[diesel(sql_type = Text)]
            currency: String,
            #[diesel(sql_type = BigInt)]
            events: i64,
            #[diesel(sql_type = BigInt)]
            units: i64,
            #[diesel(sql_type = BigInt)]
            amount: i64,
        }
        let sql = &format!(
            "select dimension, value, event_type, currency, sum(events)::bigint as events,
                    sum(units)::bigint as units, sum(amount_minor)::bigint as amount
             from counters where grain = '{grain}' group by 1, 2, 3, 4"
        );
        let read = async |tx: &mut pg::Tx| Ok(sql_query(sql).get_results(tx.conn()).await?);
        let rows: Vec<Row> = self.app.db.read("test", read).await.unwrap();
        let row = |row: Row| {
            let key = (row.dimension, row.value, row.event_type, row.currency);
            (key, (row.events, row.units, row.amount))
        };
        rows.into_iter().map(row).collect()
    }

    /// The result of a query with one column `count`.
    pub async fn count(&self, sql: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let read = async |tx: &mut pg::Tx| Ok(sql_query(sql).get_result(tx.conn()).await?);
        let row: Row = self.app.db.read("test", read).await.unwrap();
        row.count
    }

    pub async fn sql(&self, sql: &str) {
        let run = async |tx: &mut pg::Tx| {
            sql_query(sql).execute(tx.conn()).await?;
            Ok(())
        };
        self.app.db.write("test", run).await.unwrap();
    }
}

fn app(url: &SecretString) -> App {
    let db = Db::new("analytics", Settings::of(url.clone())).unwrap();
    App::new(db, mesh::Paging::new(&mesh::config::Page::default()), 90)
}

pub async fn record(app: &App, events: &[TrackedEvent]) -> Result<RecordEventsResponse, Fault> {
    let request = RecordEventsRequest { events: events.to_vec() };
    analytics::rpc::record_events::record_events(app, request).await
}

/// Waits until the counters of a mesh have what was counted.
pub async fn added(mesh: &Mesh) {
    mesh.until("analytics", "select count(*) from new_counts", 0).await;
}

/// An event of a type that has all it must have, just now.
pub fn event(event_type: EventType) -> TrackedEvent {
    use EventType as T;
    let id = |wanted: bool, id: &str| if wanted { id.to_owned() } else { String::new() };
    let name = event_type.as_str_name();
    let is_order = matches!(event_type, T::OrderCreated | T::OrderUpdated | T::Purchase);
    let is_customer = is_order || name.contains("_CUSTOMER_");
    TrackedEvent {
        event_id: Uuid::now_v7().to_string(),
        event_type: event_type.into(),
        occurred_at: Some(timestamp(Utc::now())),
        session_id: "visit".to_owned(),
        customer_id: id(is_customer, "customer"),
        product_id: id(name.contains("_PRODUCT_"), &product(1)),
        order_id: id(is_order, "order"),
        page_path: id(name.contains("_PAGE_"), "/lamps"),
        total: if is_order { usd(1_000) } else { None },
        ..Default::default()
    }
}

/// The same, so long ago.
pub fn ago(event_type: EventType, age: TimeDelta) -> TrackedEvent {
    at(event_type, Utc::now() - age)
}

pub fn at(event_type: EventType, at: DateTime<Utc>) -> TrackedEvent {
    TrackedEvent { occurred_at: Some(timestamp(at)), ..event(event_type) }
}

pub fn usd(minor_units: i64) -> Option<Money> {
    money("USD", minor_units)
}

pub fn money(currency: &str, minor_units: i64) -> Option<Money> {
    Some(Money { currency_code: currency.to_owned(), minor_units: Some(minor_units) })
}

pub fn product(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

pub fn item(sku: &str, number: u128, quantity: i64, amount: Option<Money>) -> EventItem {
    EventItem { sku: sku.to_owned(), product_id: product(number), quantity, amount }
}

/// All types.
pub fn types() -> impl Iterator<Item = EventType> {
    (1..=16).map(|number| EventType::try_from(number).unwrap())
}
