//! The database of one test, and helpers that fill it.

use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use chrono::TimeDelta;
use contracts::Event;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use pg::{Db, Settings, provision};
use secrecy::SecretString;
use std::sync::Arc;
use testbed::{Servers, Template};
use uuid::Uuid;
use warehouse::App;
use warehouse::domain::item::Item;
use warehouse::rpc::cancel_reservation::cancel_reservation;
use warehouse::rpc::commit_reservation::commit_reservation;
use warehouse::rpc::create_warehouse::create_warehouse;
use warehouse::rpc::fulfill_reservation::fulfill_reservation;
use warehouse::rpc::get_stock::get_stock;
use warehouse::rpc::release_reservation::release_reservation;
use warehouse::rpc::reserve::reserve;
use warehouse::rpc::update_stock::update_stock;
use warehouse::store::items;
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::{
    CancelReservationRequest, CommitReservationRequest, CommitReservationResponse,
    CreateWarehouseRequest, FulfillReservationRequest, GetStockRequest, ReleaseReservationRequest,
    Reservation, ReserveRequest, Stock, StockUpdate, UpdateStockRequest, WantedLine, Warehouse,
    WarehouseDraft,
};

/// Warehouse with a database of its own and a catalog client without a server. [`Shop::close`] checks that levels, ledger and
/// reservations agree, and drops the database; a failed test keeps it for inspection.
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
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    #[diesel(sql_type = Binary)]
    pub payload: Vec<u8>,
}

impl OutboxEvent {
    pub fn read<E: Event>(&self) -> E {
        assert_eq!(self.subject, E::SUBJECT);
        E::decode(self.payload.as_slice()).unwrap()
    }
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_with(|_| ()).await
    }

    pub async fn open_with(change: impl FnOnce(&mut warehouse::Settings)) -> Self {
        let servers = Servers::up().await;
        let database = format!("test_warehouse_{}", Uuid::now_v7().simple());
        let template = Template::of_service("warehouse", warehouse::ROLE.migrations.unwrap());
        let url = servers.database(&template, &database).await;
        let superuser = servers.superuser;
        let db = Db::new(warehouse::ROLE.name, Settings::of(url)).unwrap();
        let nowhere = "http://127.0.0.1:1".parse().unwrap();
        let unreachable =
            mesh::client::open(nowhere, "catalog", None, Arc::default(), None).unwrap();
        let mut settings = warehouse::Settings::default();
        change(&mut settings);
        let app = App {
            db,
            catalog: CatalogServiceClient::new(unreachable),
            paging: mesh::Paging::new(&mesh::config::Page::default()),
            settings,
            locations: Arc::default(),
            queues: Arc::default(),
            held: Arc::default(),
            thresholds_due: Arc::default(),
        };
        Self { app, superuser, database }
    }

    pub async fn close(self) {
        self.reconcile().await;
        drop(self.app);
        provision::drop(&self.superuser, &self.database).await.unwrap();
    }

    /// Levels are the sums of their movements, what is reserved is what lines hold, what is allocated is what lines have open, and nothing
    /// was promised that is not there unless backorders allow it.
    pub async fn reconcile(&self) {
        let sql = "select count(*) as count from levels l
             left join lateral (select coalesce(sum(on_hand_change), 0) as on_hand,
                 coalesce(sum(allocated_change), 0) as allocated,
                 coalesce(sum(reserved_change), 0) as reserved
               from movements where stock_id = l.id) m on true
             left join lateral (select coalesce(sum(r.quantity) filter (where r.held), 0) as held,
                 coalesce(sum(r.quantity - r.fulfilled - r.cancelled)
                   filter (where o.state = 'committed'), 0) as open
               from reservation_lines r join reservations o on o.id = r.reservation_id
               where r.stock_id = l.id) h on true
             where (l.on_hand, l.allocated, l.reserved) <> (m.on_hand, m.allocated, m.reserved)
                or l.reserved <> h.held or l.allocated <> h.open";
        assert_eq!(self.count(sql).await, 0, "levels differ from their ledger or their holds");
        let last = "select count(*) as count from levels l join lateral (
               select on_hand_after, allocated_after, reserved_after from movements
               where stock_id = l.id order by stock_version desc, id desc limit 1) m on true
             where (l.on_hand, l.allocated, l.reserved)
               <> (m.on_hand_after, m.allocated_after, m.reserved_after)";
        assert_eq!(self.count(last).await, 0, "the last balances are not those of the levels");
    }

    pub async fn count(&self, sql: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let count: Count = self
            .app
            .db
            .read("test", async |tx| Ok(sql_query(sql).get_result(tx.conn()).await?))
            .await
            .unwrap();
        count.count
    }

    /// The catalogue has these SKUs.
    pub async fn know(&self, skus: &[&str]) {
        let items: Vec<Item> = skus.iter().map(|name| item(name)).collect();
        let items = &items;
        self.app.db.write("test", async |tx| items::insert(tx, items).await).await.unwrap();
    }

    pub async fn warehouse(&self, code: &str) -> Warehouse {
        self.create(WarehouseDraft { code: code.into(), name: code.into(), ..Default::default() })
            .await
            .unwrap()
    }

    pub async fn create(&self, draft: WarehouseDraft) -> Result<Warehouse, Fault> {
        let request = CreateWarehouseRequest { warehouse: Some(draft), ..Default::default() };
        Ok(create_warehouse(&self.app, request).await?.warehouse.unwrap())
    }

    /// A SKU of which a new warehouse has so many units; returns its id.
    pub async fn stocked(&self, name: &str, units: i64) -> String {
        self.know(&[name]).await;
        let id = self.warehouse("W1").await.warehouse_id;
        self.receive(name, &id, units).await;
        id
    }

    pub async fn receive(&self, name: &str, warehouse_id: &str, units: i64) -> Stock {
        self.update(change(name, warehouse_id, Change::Receive(units))).await.unwrap()
    }

    pub async fn update(&self, update: StockUpdate) -> Result<Stock, Fault> {
        let request = UpdateStockRequest { update: Some(update), ..Default::default() };
        Ok(update_stock(&self.app, request).await?.stock.unwrap())
    }

    pub async fn stock(&self, name: &str) -> Vec<Stock> {
        let request = GetStockRequest { sku: name.into() };
        get_stock(&self.app, request).await.unwrap().stock
    }

    /// The one level of a SKU.
    pub async fn level(&self, name: &str) -> Stock {
        let [level] = self.stock(name).await.try_into().unwrap();
        level
    }

    pub async fn reserve(&self, lines: &[(&str, i64)]) -> Result<Reservation, Fault> {
        Ok(reserve(&self.app, wish(lines)).await?.reservation.unwrap())
    }

    pub async fn commit(&self, id: &str, order: &str) -> Result<CommitReservationResponse, Fault> {
        commit_reservation(&self.app, commit(id, order)).await
    }

    pub async fn release(&self, id: &str) -> Result<Reservation, Fault> {
        let request = ReleaseReservationRequest { reservation_id: id.into(), ..Default::default() };
        Ok(release_reservation(&self.app, request).await?.reservation.unwrap())
    }

    pub async fn fulfill(&self, id: &str, lines: &[(&str, i64)]) -> Result<Reservation, Fault> {
        let request = FulfillReservationRequest {
            reservation_id: id.into(),
            lines: self::lines(lines),
            ..Default::default()
        };
        Ok(fulfill_reservation(&self.app, request).await?.reservation.unwrap())
    }

    pub async fn cancel(&self, id: &str, lines: &[(&str, i64)]) -> Result<Reservation, Fault> {
        let request = CancelReservationRequest {
            reservation_id: id.into(),
            lines: self::lines(lines),
            ..Default::default()
        };
        Ok(cancel_reservation(&self.app, request).await?.reservation.unwrap())
    }

    /// Minutes and seconds pass.
    pub fn pass(&self, minutes: i64, seconds: i64) {
        self.app.db.shift_clock(TimeDelta::minutes(minutes) + TimeDelta::seconds(seconds));
    }

    /// Kinds of the movements so far, with their quantities.
    pub async fn movements(&self, name: &str) -> Vec<(String, i64)> {
        use warehouse::rpc::list_movements::list_movements;
        use warehouse_api::v1::{ListMovementsRequest, MovementKind};
        let request =
            ListMovementsRequest { sku: name.into(), page_size: 500, ..Default::default() };
        let mut movements = list_movements(&self.app, request).await.unwrap().movements;
        movements.reverse();
        let kind =
            |kind: MovementKind| kind.as_str_name().trim_start_matches("MOVEMENT_KIND_").to_owned();
        movements.iter().map(|own| (kind(own.kind()), own.quantity)).collect()
    }

    /// All events of the outbox, in order.
    pub async fn outbox(&self) -> Vec<OutboxEvent> {
        let all = "select subject, version, payload from outbox order by seq";
        self.app
            .db
            .read("test", async |tx| Ok(sql_query(all).load(tx.conn()).await?))
            .await
            .unwrap()
    }
}

pub fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

pub fn item(name: &str) -> Item {
    let id = |namespace: &str| {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{namespace}/{name}").as_bytes())
    };
    Item {
        sku: sku(name),
        variant_id: Id::from_uuid(id("variant")),
        product_id: Id::from_uuid(id("product")),
        is_deleted: false,
    }
}

pub fn change(name: &str, warehouse_id: &str, change: Change) -> StockUpdate {
    StockUpdate {
        sku: name.into(),
        warehouse_id: warehouse_id.into(),
        change: Some(change),
        note: "test".into(),
        ..Default::default()
    }
}

pub fn wish(lines: &[(&str, i64)]) -> ReserveRequest {
    ReserveRequest { owner_id: "cart".into(), lines: self::lines(lines), ..Default::default() }
}

pub fn lines(lines: &[(&str, i64)]) -> Vec<WantedLine> {
    let line = |(name, quantity): &(&str, i64)| WantedLine {
        sku: (*name).into(),
        quantity: *quantity,
        ..Default::default()
    };
    lines.iter().map(line).collect()
}

pub fn commit(id: &str, order: &str) -> CommitReservationRequest {
    CommitReservationRequest {
        reservation_id: id.into(),
        order_id: order.into(),
        ..Default::default()
    }
}

/// What is on hand, promised, held and available.
pub fn quantities(stock: &Stock) -> (i64, i64, i64, i64) {
    (stock.on_hand, stock.allocated, stock.reserved, stock.available)
}
