//! Does what `rpc/check_drift` asked for: compares every entry with its owner and the index with the documents. What
//! differs twice, some seconds apart, is reported; what differs once was on its way.

use crate::App;
use crate::domain::drift::{Version, Versions, confirmed, differences};
use crate::domain::entry::Section;
use crate::store::{documents, versions};
use contracts::catalog::v1::{self as catalog, AggregateType};
use contracts::pricing::v1 as pricing;
use contracts::search::v1::{Drift, DriftReport};
use fault::{Fault, context};
use pg::operations;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const EVERY: Duration = Duration::from_millis(500);
/// Between the two looks: longer than an event takes to arrive.
const BETWEEN: Duration = Duration::from_secs(2);
const PAGE: i32 = 5_000;
/// Differences that a report holds one by one.
const REPORTED: usize = 1_000;

/// Looks for comparisons to do until the process ends.
pub async fn compare_with_owners(app: App, ending: CancellationToken) {
    while !ending.is_cancelled() {
        let work = context::scope(context::Context::of_service("search"), round(&app));
        if let Err(fault) = work.await {
            tracing::warn!("comparing with the owners failed: {}", fault.chain());
        }
        let _ = tokio::time::timeout(EVERY, ending.cancelled()).await;
    }
}

async fn round(app: &App) -> Result<(), Fault> {
    let asked =
        app.db.write("search.drift", async |tx| operations::take_up(tx, "drift").await).await?;
    let Some(operation) = asked else { return Ok(()) };
    let compared = operations::held(&app.db, &operation, compare(app)).await;
    app.db
        .write("search.drift", async |tx| {
            // Somebody else has taken it up where we were frozen.
            if !operations::hold(tx, &operation).await? {
                return Ok(());
            }
            match &compared {
                Ok(report) => operations::succeed(tx, operation.id, Some(report)).await,
                Err(fault) => operations::fail(tx, operation.id, fault.message()).await,
            }
        })
        .await
}

async fn compare(app: &App) -> Result<DriftReport, Fault> {
    let (compared, first) = look(app).await?;
    let drifts = if first.is_empty() {
        first
    } else {
        tokio::time::sleep(BETWEEN).await;
        confirmed(first, &look(app).await?.1)
    };
    let differences = i64::try_from(drifts.len()).unwrap_or(i64::MAX);
    metrics::gauge!("search_index_drift_documents")
        .set(i32::try_from(drifts.len()).unwrap_or(i32::MAX));
    Ok(DriftReport { compared, differences, drifts: drifts.into_iter().take(REPORTED).collect() })
}

async fn look(app: &App) -> Result<(i64, Vec<Drift>), Fault> {
    let (mut compared, mut found) = (0, Vec::new());
    for section in Section::ALL {
        let owner = of_owner(app, section).await?;
        let copy =
            app.db.read("search.versions", async |tx| versions::of(tx, section).await).await?;
        compared += i64::try_from(owner.len()).unwrap_or_default();
        found.extend(differences(section.name(), &owner, &copy));
    }
    let stored = app.db.read("search.inventory", async |tx| documents::inventory(tx).await).await?;
    let indexed = app.index.run(|engine| engine.inventory()).await?;
    found.extend(differences("index", &revisions(stored), &revisions(indexed)));
    Ok((compared, found))
}

fn revisions(list: Vec<(Uuid, i64)>) -> Versions {
    let version = |(id, version)| (id, Version { version, digest: None, deleted: false });
    list.into_iter().map(version).collect()
}

async fn of_owner(app: &App, section: Section) -> Result<Versions, Fault> {
    match section {
        Section::Product => of_catalog(app, AggregateType::Product).await,
        Section::Variant => of_catalog(app, AggregateType::Variant).await,
        Section::Category => of_catalog(app, AggregateType::Category).await,
        Section::Brand => of_catalog(app, AggregateType::Brand).await,
        Section::Attribute => of_catalog(app, AggregateType::Attribute).await,
        Section::Price => of_pricing(app).await,
    }
}

async fn of_catalog(app: &App, of: AggregateType) -> Result<Versions, Fault> {
    let (mut all, mut page_token) = (Versions::new(), String::new());
    loop {
        let request =
            catalog::ListVersionsRequest { r#type: of.into(), page_size: PAGE, page_token };
        let page = app.catalog.clone().list_versions(request).await?.into_inner();
        for listed in page.versions {
            all.insert(uuid(&listed.id)?, version(listed.version, listed.deleted, listed.digest));
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

async fn of_pricing(app: &App) -> Result<Versions, Fault> {
    let (mut all, mut page_token) = (Versions::new(), String::new());
    loop {
        let request = pricing::ListVersionsRequest { page_size: PAGE, page_token };
        let page = app.pricing.clone().list_versions(request).await?.into_inner();
        for listed in page.versions {
            let version = version(listed.version, listed.deleted, listed.digest);
            all.insert(uuid(&listed.price_id)?, version);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

fn version(version: i64, deleted: bool, digest: Vec<u8>) -> Version {
    Version { version, deleted, digest: (!deleted).then_some(digest) }
}

fn uuid(text: &str) -> Result<Uuid, Fault> {
    Uuid::parse_str(text).map_err(Fault::internal)
}
