//! The database of one test, and helpers that fill it.

use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::currency::Currency;
use kernel::id::Id;
use kernel::price::Scope;
use kernel::sku::Sku;
use kernel::window::Window;
use pg::{Db, Settings, provision};
use pricing::App;
use pricing::domain::draft::{PriceDraft, PriceKey};
use pricing::domain::item::{Item, Product, Target, Variant};
use pricing::domain::price::Price;
use pricing::store::items;
use pricing::upsert_prices::{Outcome, Wanted, upsert_prices};
use pricing_api::v1::item::Name;
use pricing_api::v1::{Item as ItemMessage, PriceContext};
use secrecy::SecretString;
use std::sync::Arc;
use testbed::{Servers, Template};
use uuid::Uuid;

/// Pricing with a database of its own and a catalog client without a server. [`Shop::close`] drops the
/// database; a failed test keeps it for inspection.
pub struct Shop {
    pub app: App,
    superuser: SecretString,
    database: String,
}

/// An event in the outbox.
#[derive(Debug, QueryableByName)]
pub struct OutboxEvent {
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = Text)]
    pub key: String,
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    #[diesel(sql_type = Binary)]
    pub payload: Vec<u8>,
}

impl Shop {
    pub async fn open() -> Self {
        let servers = Servers::up().await;
        let database = format!("test_pricing_{}", Uuid::now_v7().simple());
        let template = Template::of_service("pricing", pricing::ROLE.migrations.unwrap());
        let url = servers.database(&template, &database).await;
        let superuser = servers.superuser;
        let db = Db::new(pricing::ROLE.name, Settings::of(url)).unwrap();
        let nowhere = "http://127.0.0.1:1".parse().unwrap();
        let unreachable =
            mesh::client::open(nowhere, "catalog", None, Arc::default(), None).unwrap();
        let paging = mesh::Paging::new(&mesh::config::Page::default());
        let app = App { db, catalog: CatalogServiceClient::new(unreachable), paging };
        Self { app, superuser, database }
    }

    pub async fn close(self) {
        drop(self.app);
        provision::drop(&self.superuser, &self.database).await.unwrap();
    }

    /// The part of SetPrice and BulkSetPrices that follows the call to catalog.
    pub async fn set(&self, wanted: Vec<Wanted>) -> Result<Vec<(Outcome, Price)>, Fault> {
        set(&self.app.db, wanted).await
    }

    /// Sets one price.
    pub async fn set_one(&self, draft: PriceDraft) -> (Outcome, Price) {
        self.set(vec![wanted(draft)]).await.unwrap().remove(0)
    }

    /// Stores an item, as after an answer of catalog.
    pub async fn store_item(&self, item: &Item) {
        let targets = &[target(item)];
        self.app.db.write("test", async |tx| items::insert(tx, targets).await).await.unwrap();
    }

    /// All events of the outbox, in order.
    pub async fn outbox(&self) -> Vec<OutboxEvent> {
        self.app
            .db
            .read("test", async |tx| {
                let all =
                    sql_query("select subject, key, version, payload from outbox order by seq");
                Ok(all.load(tx.conn()).await?)
            })
            .await
            .unwrap()
    }

    /// How many rows a table has.
    pub async fn rows(&self, table: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let sql = &format!("select count(*) as count from {table}");
        let count: Count = self
            .app
            .db
            .read("test", async |tx| Ok(sql_query(sql).get_result(tx.conn()).await?))
            .await
            .unwrap();
        count.count
    }
}

pub async fn set(db: &Db, wanted: Vec<Wanted>) -> Result<Vec<(Outcome, Price)>, Fault> {
    let wanted = &wanted;
    db.write("test", async |tx| upsert_prices(tx, wanted).await).await
}

pub fn sku(sku: &str) -> Item {
    Item::Sku(Sku::parse(sku).unwrap())
}

/// The product of every SKU here.
pub fn product() -> Item {
    Item::Product(product_id())
}

pub fn product_id() -> Id<Product> {
    Id::from_uuid(Uuid::from_u128(7))
}

pub fn target(item: &Item) -> Target {
    match item {
        Item::Sku(_) => {
            let variant_id: Option<Id<Variant>> = Some(Id::from_uuid(Uuid::from_u128(8)));
            Target { item: item.clone(), product_id: product_id(), variant_id }
        }
        Item::Product(id) => Target { item: item.clone(), product_id: *id, variant_id: None },
    }
}

/// An undated price in USD without a scope.
pub fn draft(item: Item, base: i64) -> PriceDraft {
    let currency = Currency::parse("USD").unwrap();
    let key = PriceKey { item, scope: Scope::UNSCOPED, currency, window: Window::ALWAYS };
    PriceDraft { key, base, sale: None }
}

/// The same from one second until another.
pub fn dated(item: Item, base: i64, from: i64, until: i64) -> PriceDraft {
    let mut draft = draft(item, base);
    draft.key.window = Window::try_new(Some(second(from)), Some(second(until))).unwrap();
    draft
}

pub fn wanted(draft: PriceDraft) -> Wanted {
    let target = target(&draft.key.item);
    Wanted { draft, target, expected: None, path: "price".into() }
}

pub fn expecting(expected: i64, draft: PriceDraft) -> Wanted {
    Wanted { expected: Some(expected), ..wanted(draft) }
}

pub fn second(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

pub fn item(item: &Item) -> ItemMessage {
    let name = match item {
        Item::Sku(sku) => Name::Sku(sku.to_string()),
        Item::Product(id) => Name::ProductId(id.to_string()),
    };
    ItemMessage { name: Some(name) }
}

pub fn usd() -> PriceContext {
    PriceContext { currency_code: "USD".into(), ..Default::default() }
}
