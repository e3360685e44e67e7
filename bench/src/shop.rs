//! The icecat catalogue in the running mesh, imported if it is not there.

use crate::client::Mesh;
use anyhow::{Context, Result, ensure};
use catalog_api::v1::import_products_request::Part;
use catalog_api::v1::import_products_response::Part as Answer;
use catalog_api::v1::{
    ImportChunk, ImportErrorPolicy, ImportProductsRequest, ImportRow, ImportStart,
};
use pricing_api::v1::item::Name;
use pricing_api::v1::{BulkSetPricesRequest, Item, PriceDraft};
use search_api::v1::SearchProductsRequest;
use std::time::{Duration, Instant};
use testkit::icecat;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use uuid::Uuid;

/// SKUs and queries of the catalogue in the mesh.
pub struct Shop {
    /// SKUs with their prices in US cents.
    pub skus: Vec<(String, i64)>,
    /// Judged queries of the data set.
    pub queries: Vec<String>,
}

/// Imports the catalogue unless it is present, and waits until it can be found.
pub async fn open(mesh: &Mesh) -> Result<Shop> {
    let folder = icecat::folder().context("SOUK_DATA must name the folder with the icecat data")?;
    let rows = icecat::read(&folder);
    let skus = rows.iter().map(|(row, price)| {
        (row.key.clone(), price.base.as_ref().map_or(0, |base| base.minor_units()))
    });
    let shop =
        Shop { skus: skus.collect(), queries: icecat::judgments(&folder).into_keys().collect() };
    if count(mesh).await?.unwrap_or_default() < i64::try_from(rows.len())? {
        let begun = Instant::now();
        import_all(mesh, rows).await.context(
            "import the icecat data; a shop with other products may define attributes otherwise, so measure an empty one",
        )?;
        println!("imported {} products with prices in {:.1?}", shop.skus.len(), begun.elapsed());
        wait_found(mesh, i64::try_from(shop.skus.len())?).await?;
        println!("all are found {:.1?} after the import began", begun.elapsed());
    }
    Ok(shop)
}

/// Imports the catalogue once more, with this before every key and SKU; returns how many products that are.
pub async fn import_copy(mesh: &Mesh, before: &str) -> Result<usize> {
    let folder = icecat::folder().context("SOUK_DATA must name the folder with the icecat data")?;
    let mut rows = icecat::read(&folder);
    for (row, price) in &mut rows {
        let sku = format!("{before}{}", row.key);
        row.key.clone_from(&sku);
        row.variants.iter_mut().for_each(|variant| variant.sku.clone_from(&sku));
        price.item = Some(Item { name: Some(Name::Sku(sku)) });
    }
    let products = rows.len();
    import_all(mesh, rows).await?;
    Ok(products)
}

/// Waits until at least so many products are found.
pub async fn wait_found(mesh: &Mesh, products: i64) -> Result<()> {
    while count(mesh).await?.is_none_or(|found| found < products) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

async fn import_all(mesh: &Mesh, rows: Vec<(ImportRow, PriceDraft)>) -> Result<()> {
    let (rows, prices): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    import(mesh, rows).await?;
    for chunk in prices.chunks(1_000) {
        let request = BulkSetPricesRequest { prices: chunk.to_vec(), ..Default::default() };
        mesh.pricing()?.bulk_set_prices(request).await?;
    }
    Ok(())
}

async fn import(mesh: &Mesh, rows: Vec<ImportRow>) -> Result<()> {
    let (send, receive) = tokio::sync::mpsc::channel(2);
    let chunks: Vec<_> = rows.chunks(500).map(<[_]>::to_vec).collect();
    let total = chunks.len();
    tokio::spawn(async move {
        let start = ImportStart {
            import_id: Uuid::now_v7().to_string(),
            on_error: ImportErrorPolicy::Stop.into(),
            define_missing_attributes: true,
            create_missing_brands: true,
            ..ImportStart::default()
        };
        let mut parts = vec![Part::Start(start)];
        parts.extend(
            chunks
                .into_iter()
                .zip(1..)
                .map(|(rows, sequence)| Part::Chunk(ImportChunk { sequence, rows })),
        );
        for part in parts {
            if send.send(ImportProductsRequest { part: Some(part) }).await.is_err() {
                return;
            }
        }
    });
    let stream = mesh.catalog()?.import_products(ReceiverStream::new(receive)).await?;
    let mut answers = stream.into_inner();
    let mut done = 0;
    while let Some(answer) = answers.message().await? {
        if let Some(Answer::Chunk(chunk)) = answer.part {
            ensure!(chunk.refused == 0, "rows were refused: {:?}", chunk.refusals);
            done += 1;
            if done % 10 == 0 {
                println!("imported chunk {done} of {total}");
            }
        }
    }
    Ok(())
}

/// How many products are found; none: searches have so much to do that this one was refused.
async fn count(mesh: &Mesh) -> Result<Option<i64>> {
    let request = SearchProductsRequest { page_size: 1, ..Default::default() };
    match mesh.search()?.search_products(request).await {
        Ok(found) => Ok(Some(found.into_inner().total)),
        Err(status) if status.code() == Code::ResourceExhausted => Ok(None),
        Err(status) => Err(status.into()),
    }
}
