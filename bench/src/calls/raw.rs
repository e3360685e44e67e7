//! The statements of the workloads, sent raw: prepared once on each connection, with plans that are kept.

use super::drive::{Call, Run, drive};
use super::processes::Processes;
use super::shop::Shop;
use crate::client::Mesh;
use anyhow::{Context, Result};
use catalog::domain::product::Product;
use futures::FutureExt;
use pg::entity::Stored;
use pricing::store::prices::OF_ITEM_NOW;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::{Client, NoTls, Statement};

/// A connection to each of the databases, with the statements.
pub struct Connection {
    catalog: Client,
    pricing: Client,
    product: Statement,
    resolve: Statement,
    price: Statement,
    lock: Statement,
    clock: Statement,
    update: Statement,
    outbox: Statement,
}

/// As many connections as there are clients.
pub struct Raw(Vec<Arc<Connection>>);

impl Raw {
    pub async fn connect(mesh: &Mesh, count: usize) -> Result<Self> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(Arc::new(Connection::open(mesh).await?));
        }
        Ok(Self(all))
    }

    pub async fn drive(
        &self,
        time: Duration,
        processes: &Processes,
        call: Call<Arc<Connection>>,
    ) -> Result<Run> {
        drive(self.0.clone(), time, processes, call).await
    }
}

impl Connection {
    async fn open(mesh: &Mesh) -> Result<Self> {
        let catalog = connect(mesh, "SOUK_DATABASE_URL_CATALOG").await?;
        let pricing = connect(mesh, "SOUK_DATABASE_URL_PRICING").await?;
        let product = format!("{} where owner.id = any($1) order by owner.id", Product::select());
        let select = "select owner.*, owner.price_id as id from prices owner";
        Ok(Self {
            product: catalog.prepare(&product).await?,
            resolve: catalog
                .prepare("select v.sku, v.product_id, v.id, v.deleted_at is not null from variants v where v.sku = any($1)")
                .await?,
            price: pricing.prepare(OF_ITEM_NOW).await?,
            lock: pricing
                .prepare(&format!(
                    "{select} where owner.item = any($1) and owner.level = 'sku' and owner.currency = 'USD'
                     order by owner.price_id for update of owner"
                ))
                .await?,
            clock: pricing.prepare("select clock_timestamp()").await?,
            update: pricing
                .prepare("update prices set base_minor = $2, version = version + 1, updated_at = now() where price_id = $1")
                .await?,
            outbox: pricing
                .prepare(
                    "with published as (
                       insert into outbox (id, subject, message, key, version, payload, headers, published_at)
                       values (gen_random_uuid(), 'bench.raw.updated', 'bench', $1, 1, $2, '{}', now()))
                     insert into aggregate_heads as head (family, key, subject, version, digest)
                     values ('bench.raw', $1, 'bench.raw.updated', 1, null)
                     on conflict (family, key) do update set version = excluded.version",
                )
                .await?,
            catalog,
            pricing,
        })
    }
}

pub async fn connect(mesh: &Mesh, name: &str) -> Result<Client> {
    let url =
        mesh.variable(name).with_context(|| format!("no {name}: start the mesh with ./dev up"))?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    // As the sessions of services that find rows by key.
    client
        .batch_execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off")
        .await?;
    Ok(client)
}

/// What GetProduct reads.
pub fn product(shop: &Shop) -> Call<Arc<Connection>> {
    let ids = shop.product_ids();
    Arc::new(move |raw, number| {
        let id = ids[number % ids.len()];
        async move {
            raw.catalog.query(&raw.product, &[&vec![id]]).await?;
            Ok(())
        }
        .boxed()
    })
}

/// What GetPrice reads.
pub fn price(shop: &Shop) -> Call<Arc<Connection>> {
    let skus = shop.skus();
    Arc::new(move |raw, number| {
        let sku = skus[number % skus.len()].clone();
        async move {
            raw.pricing.query(&raw.price, &[&sku, &"sku"]).await?;
            Ok(())
        }
        .boxed()
    })
}

/// What SetPrice reads and writes at least, in both databases.
pub fn set_price(shop: &Shop) -> Call<Arc<Connection>> {
    let skus = shop.skus();
    Arc::new(move |raw, number| {
        let sku = skus[number % skus.len()].clone();
        async move {
            let skus = vec![sku];
            raw.catalog.query(&raw.resolve, &[&skus]).await?;
            raw.pricing.batch_execute("begin").await?;
            let locked = raw.pricing.query(&raw.lock, &[&skus]).await?;
            raw.pricing.query_one(&raw.clock, &[]).await?;
            if let Some(row) = locked.first() {
                let id: uuid::Uuid = row.try_get("price_id")?;
                let base: i64 = row.try_get("base_minor")?;
                raw.pricing.execute(&raw.update, &[&id, &base]).await?;
                raw.pricing.execute(&raw.outbox, &[&id.to_string(), &vec![0_u8; 200]]).await?;
            }
            raw.pricing.batch_execute("commit").await?;
            Ok(())
        }
        .boxed()
    })
}
