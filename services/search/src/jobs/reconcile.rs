//! Search's copies as projections to be compared with their owners: the entries of each section, and the documents in the index of
//! this replica. Repairs use the normal path of events: the owner republishes what differs, and the follower indexes it.

use crate::app::App;
use crate::domain::entry::{Entry, Section};
use crate::events::entries::filed;
use crate::store::{documents, entries, repairs, versions};
use bus::Consumers;
use contracts::operations::v1::DriftKind;
use fault::Fault;
use mesh::reconcile::{Drift, Listed};
use mesh::{Projection, Reconciler};
use pg::Tx;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A copy that search maintains.
pub enum Copied {
    /// The entries of a section, copied from its owner.
    Entries(App, Consumers, Section),
    /// The documents in the index of this replica. Their owner is search itself.
    Index(App),
}

/// All copies of search, in the order of their dependencies: a price waits for its product.
pub fn reconciler(
    app: &App,
    consumers: &Consumers,
    settings: &mesh::config::Reconcile,
) -> Reconciler<Copied> {
    let entries = |section| Copied::Entries(app.clone(), consumers.clone(), section);
    let sections = Section::ALL.map(entries);
    let all = sections.into_iter().chain([Copied::Index(app.clone())]).collect();
    Reconciler::new(app.db.clone(), settings, all)
        .with_total(|left| metrics::gauge!("search_index_drift_documents").set(left))
}

impl Projection for Copied {
    fn name(&self) -> &'static str {
        match self {
            Self::Entries(_, _, section) => section.name(),
            Self::Index(_) => "index",
        }
    }

    /// A product's deletion is stored, else later events about the product would wait for its creation.
    fn keeps_deleted(&self) -> bool {
        matches!(self, Self::Entries(_, _, Section::Product))
    }

    fn is_local(&self) -> bool {
        matches!(self, Self::Index(_))
    }

    async fn list_owned(&self, after: &str, limit: i64) -> Result<Vec<Listed>, Fault> {
        match self {
            Self::Entries(app, _, section) => {
                app.owner(*section).versions(section.family(), after, limit).await
            }
            Self::Index(app) => {
                let after = id(after);
                let documents = async |tx: &mut Tx| documents::shown(tx, after, limit).await;
                Ok(revisions(app.db.read("search.documents_shown", documents).await?))
            }
        }
    }

    async fn list_copied(&self, after: &str, limit: i64) -> Result<Vec<Listed>, Fault> {
        let after = id(after);
        match self {
            Self::Entries(app, _, section) => {
                let (section, name) = (*section, "search.versions");
                app.db.read(name, async |tx| versions::list(tx, section, after, limit).await).await
            }
            Self::Index(app) => {
                let limit = usize::try_from(limit).unwrap_or_default();
                let indexed = app.index.run(move |engine| engine.inventory(after, limit)).await?;
                Ok(revisions(indexed))
            }
        }
    }

    async fn late(&self, keys: &BTreeSet<String>) -> Result<BTreeSet<String>, Fault> {
        match self {
            Self::Entries(_, consumers, section) => consumers.behind(section.family(), keys).await,
            Self::Index(app) => {
                let at = app.index.run(|engine| Ok(engine.stats()?.checkpoint)).await?;
                let ids: &Vec<Uuid> = &keys.iter().filter_map(|key| id(key)).collect();
                let above = async move |tx: &mut Tx| documents::above(tx, at, ids).await;
                let above = app.db.read("search.documents_above", above).await?;
                Ok(above.into_iter().map(|id| id.to_string()).collect())
            }
        }
    }

    async fn repair(&self, drifts: &[Drift]) -> Result<(), Fault> {
        match self {
            Self::Entries(app, _, section) => repair_entries(app, *section, drifts).await,
            Self::Index(app) => repair_index(app, drifts).await,
        }
    }

    async fn random_key(&self) -> Result<Option<String>, Fault> {
        let name = "search.some_key";
        let id = match self {
            Self::Entries(app, _, section) => {
                let section = *section;
                app.db.read(name, async |tx| versions::some_id(tx, section).await).await?
            }
            Self::Index(app) => app.db.read(name, async |tx| documents::some_id(tx).await).await?,
        };
        Ok(id.map(|id| id.to_string()))
    }
}

/// The id of a key; none for the empty key, which is before all ids.
fn id(key: &str) -> Option<Uuid> {
    Uuid::parse_str(key).ok()
}

fn revisions(list: Vec<(Uuid, i64)>) -> Vec<Listed> {
    let listed = |(id, version): (Uuid, i64)| Listed {
        key: id.to_string(),
        version,
        digest: None,
        deleted: false,
        unpublished: false,
    };
    list.into_iter().map(listed).collect()
}

/// Has the owner republish what differs. Where the copy has the same version or a newer one, its version is reset first, so that the
/// republished event counts as newer. Newer events win by their version as usual. An orphan is removed only if the owner does not have
/// it at all: what was published before there were heads has none until it is published again.
async fn repair_entries(app: &App, section: Section, drifts: &[Drift]) -> Result<(), Fault> {
    let of = |kinds: &[DriftKind]| -> Vec<(Uuid, i64)> {
        let those = drifts.iter().filter(|drift| kinds.contains(&drift.kind));
        those.filter_map(|drift| Some((id(&drift.key)?, drift.copy_version()))).collect()
    };
    let wrong = &of(&[DriftKind::Ahead, DriftKind::Content]);
    let signal = &app.index.commit_signal();
    let reset = async move |tx: &mut Tx| repairs::reset_versions(tx, section, wrong).await;
    app.db.write("search.reset_versions", reset).await?;
    let keys: Vec<String> = drifts.iter().map(|drift| drift.key.clone()).collect();
    let unknown = app.owner(section).republish(section.family(), &keys).await?;
    let mut orphans = of(&[DriftKind::Orphan]);
    orphans.retain(|(id, _)| unknown.contains(&id.to_string()));
    let orphans = &orphans;
    app.db
        .write("search.remove_orphans", async move |tx| {
            tx.notify_after_commit(signal.clone());
            repairs::forget(tx, section, orphans).await
        })
        .await
}

/// Rebuilds the documents from the entries of their products and gives them new revisions: every follower indexes them again, and
/// removes documents that should not exist.
async fn repair_index(app: &App, drifts: &[Drift]) -> Result<(), Fault> {
    let ids: BTreeSet<Uuid> = drifts.iter().filter_map(|drift| id(&drift.key)).collect();
    let (ids, signal) = (&ids, &app.index.commit_signal());
    app.db
        .write("search.repair_index", async move |tx| {
            tx.notify_after_commit(signal.clone());
            entries::lock_products(tx, ids).await?;
            let products = repairs::products(tx, ids).await?;
            let filed: Vec<Entry> = products.into_iter().map(filed).collect::<Result<_, _>>()?;
            repairs::refile(tx, ids, &filed).await
        })
        .await
}
