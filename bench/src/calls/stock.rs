//! Reservations: of a thousand SKUs, and of one that all want.

use super::drive::Call;
use super::raw::connect;
use crate::client::Mesh;
use anyhow::{Result, ensure};
use futures::FutureExt;
use std::sync::Arc;
use testkit::Caller;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::warehouse_service_client::WarehouseServiceClient;
use warehouse_api::v1::{BatchUpdateStockRequest, ReserveRequest, StockUpdate, WantedLine};

/// SKUs over which reservations are spread.
pub const SKUS: usize = 1_000;

/// Clients that want the one SKU.
pub const CROWD: usize = 64;

/// More than any run sells.
const UNITS: i64 = 1_000_000_000;

/// The SKUs, stocked in a warehouse of their own.
pub struct Stock {
    warehouse_id: String,
    skus: Arc<Vec<String>>,
}

impl Stock {
    pub async fn open(mesh: &Mesh, skus: &[String]) -> Result<Self> {
        let skus: Vec<String> = skus.iter().take(SKUS).cloned().collect();
        let mut client = WarehouseServiceClient::new(mesh.caller()?);
        let warehouse_id = crate::stock::warehouse(mesh).await?;
        let update = |sku: &String| StockUpdate {
            sku: sku.clone(),
            warehouse_id: warehouse_id.clone(),
            change: Some(Change::Set(UNITS)),
            ..Default::default()
        };
        let updates = skus.iter().map(update).collect();
        client
            .batch_update_stock(BatchUpdateStockRequest { updates, ..Default::default() })
            .await?;
        Ok(Self { warehouse_id, skus: Arc::new(skus) })
    }

    /// Each call holds a unit of the next SKU.
    pub fn spread(&self) -> Call<Caller> {
        self.reserve(SKUS)
    }

    /// Each call holds a unit of the same SKU.
    pub fn hot(&self) -> Call<Caller> {
        self.reserve(1)
    }

    fn reserve(&self, among: usize) -> Call<Caller> {
        let (skus, warehouse_id) = (self.skus.clone(), self.warehouse_id.clone());
        Arc::new(move |caller, number| {
            let line = WantedLine {
                sku: skus[number % among.min(skus.len())].clone(),
                quantity: 1,
                warehouse_id: warehouse_id.clone(),
            };
            async move {
                let request = ReserveRequest {
                    owner_id: "bench".into(),
                    lines: vec![line],
                    request_id: Uuid::now_v7().to_string(),
                    ..Default::default()
                };
                WarehouseServiceClient::new(caller).reserve(request).await?;
                Ok(())
            }
            .boxed()
        })
    }
}

/// A connection with the statements that a reservation takes at least, on copies of the tables.
pub struct Connection {
    client: Client,
    lock: Statement,
    sweep: Statement,
    writes: Vec<Statement>,
    outbox: Statement,
}

/// Makes the copies of the tables, with as many levels as the mesh has.
pub async fn prepare(mesh: &Mesh) -> Result<Vec<Uuid>> {
    let client = connect(mesh, "SOUK_DATABASE_URL_WAREHOUSE").await?;
    client
        .batch_execute(
            "drop schema if exists bench cascade; create schema bench;
             create table bench.levels (like public.levels including all) with (fillfactor = 70);
             insert into bench.levels select * from public.levels
               where warehouse_id = (select id from public.warehouses where code = 'bench');
             create table bench.movements (like public.movements including all);
             create table bench.reservations (like public.reservations including all);
             create table bench.reservation_lines (like public.reservation_lines including all);
             create table bench.request_replay (like public.request_replay including all);
             analyze bench.levels",
        )
        .await?;
    let rows = client.query("select id from bench.levels order by id", &[]).await?;
    ensure!(!rows.is_empty(), "the warehouse of the bench has no stock");
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

impl Connection {
    pub async fn open(mesh: &Mesh) -> Result<Self> {
        let client = connect(mesh, "SOUK_DATABASE_URL_WAREHOUSE").await?;
        let mut writes = Vec::new();
        for sql in [
            "update bench.levels set reserved = reserved + 1, version = version + 1,
               updated_at = now() where id = $1",
            "insert into bench.movements select gen_random_uuid(), $1, 'reserve', 0, 0, 1, 1, 0, 1, 1,
               gen_random_uuid(), null, null, null, null, '', 'bench', now()",
            "with own as (
               insert into bench.reservations select gen_random_uuid(), 'bench', null, 'active',
                 now() + interval '15 minutes', false, 1, now(), now() returning id)
             insert into bench.reservation_lines select id, $1, 0, 1, 0, 0, true,
               now() + interval '15 minutes' from own",
            "insert into bench.request_replay (caller, request_id, method, digest, response)
             values ('bench', gen_random_uuid(), $1::uuid::text, ''::bytea, ''::bytea)",
        ] {
            writes.push(client.prepare(sql).await?);
        }
        Ok(Self {
            lock: client
                .prepare("select * from bench.levels where id = $1 for no key update")
                .await?,
            sweep: client
                .prepare(
                    "update bench.reservation_lines set held = false
                     where stock_id = $1 and held and expires_at <= statement_timestamp()",
                )
                .await?,
            writes,
            outbox: client
                .prepare(
                    "with published as (
                       insert into outbox (id, subject, message, key, version, payload, headers, published_at)
                       values (gen_random_uuid(), 'bench.raw.updated', 'bench', $1, 1, $2, '{}', now()))
                     insert into aggregate_heads as head (family, key, subject, version, digest)
                     values ('bench.raw', $1, 'bench.raw.updated', 1, null)
                     on conflict (family, key) do update set version = excluded.version",
                )
                .await?,
            client,
        })
    }
}

/// What a reservation of one of these levels reads and writes at least.
pub fn raw(levels: Vec<Uuid>) -> Call<Arc<Connection>> {
    let levels = Arc::new(levels);
    Arc::new(move |own, number| {
        let id = levels[number % levels.len()];
        async move {
            own.client.batch_execute("begin").await?;
            own.client.query(&own.lock, &[&id]).await?;
            own.client.execute(&own.sweep, &[&id]).await?;
            for statement in &own.writes {
                own.client.execute(statement, &[&id]).await?;
            }
            own.client.execute(&own.outbox, &[&id.to_string(), &vec![0_u8; 300]]).await?;
            own.client.batch_execute("commit").await?;
            Ok(())
        }
        .boxed()
    })
}
