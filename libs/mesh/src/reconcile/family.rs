//! Compares a copy that `bus` maintains with its owner, by version and digest: what was applied with what was published last.
//! Services need no code for it.

use super::compare::{Drift, Listed};
use super::projection::Projection;
use crate::Client;
use bus::{Consumers, Copied};
use contracts::operations::v1::operations_service_client::OperationsServiceClient;
use contracts::operations::v1::{
    DriftKind, ListAggregateVersionsRequest, RepublishAggregatesRequest,
};
use fault::Fault;
use pg::{Db, Tx, projections};
use std::collections::BTreeSet;

/// Most keys in one request to republish.
const MAX_KEYS_PER_REQUEST: usize = 500;

/// A client of the service that owns aggregates, for services with copies of them.
#[derive(Debug, Clone)]
pub struct Owner {
    operations: OperationsServiceClient<Client>,
    service: String,
}

impl Owner {
    /// The service of this name.
    pub fn new(client: Client, service: &str) -> Self {
        Self { operations: OperationsServiceClient::new(client), service: service.to_owned() }
    }

    /// The versions of the first aggregates of a family after a key.
    pub async fn versions(
        &self,
        family: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Listed>, Fault> {
        let request = ListAggregateVersionsRequest {
            service: self.service.clone(),
            family: family.to_owned(),
            start_after: after.to_owned(),
            page_size: i32::try_from(limit).unwrap_or(i32::MAX),
            ..ListAggregateVersionsRequest::default()
        };
        let page = self.operations.clone().list_aggregate_versions(request).await?.into_inner();
        let listed = page.versions.into_iter().map(|own| Listed {
            key: own.key,
            version: own.version,
            deleted: own.deleted,
            digest: (!own.deleted).then_some(own.digest),
            unpublished: own.unpublished,
        });
        Ok(listed.collect())
    }

    /// Requests that aggregates are published again; returns the keys that the owner does not have.
    pub async fn republish(
        &self,
        family: &str,
        keys: &[String],
    ) -> Result<BTreeSet<String>, Fault> {
        let mut unknown = BTreeSet::new();
        for keys in keys.chunks(MAX_KEYS_PER_REQUEST) {
            let request = RepublishAggregatesRequest {
                service: self.service.clone(),
                family: family.to_owned(),
                keys: keys.to_vec(),
                ..RepublishAggregatesRequest::default()
            };
            let answer = self.operations.clone().republish_aggregates(request).await?;
            unknown.extend(answer.into_inner().unknown_keys);
        }
        Ok(unknown)
    }
}

/// A copy and its owner.
pub struct FamilyCopy {
    db: Db,
    copied: Copied,
    consumers: Consumers,
    owner: Owner,
}

impl FamilyCopy {
    /// A copy in the database of a service, which these consumers keep.
    pub fn new(db: Db, copied: Copied, consumers: Consumers, owner: Owner) -> Self {
        Self { db, copied, consumers, owner }
    }
}

impl Projection for FamilyCopy {
    fn name(&self) -> &'static str {
        self.copied.family
    }

    async fn list_owned(&self, after: &str, limit: i64) -> Result<Vec<Listed>, Fault> {
        self.owner.versions(self.copied.family, after, limit).await
    }

    async fn list_copied(&self, after: &str, limit: i64) -> Result<Vec<Listed>, Fault> {
        let family = self.copied.family;
        let list = async |tx: &mut Tx| projections::list(tx, family, after, limit).await;
        let heads = self.db.read("reconcile.kept", list).await?;
        let listed = heads.into_iter().map(|head| Listed {
            key: head.key,
            version: head.version,
            deleted: head.digest.is_none(),
            digest: head.digest,
            unpublished: false,
        });
        Ok(listed.collect())
    }

    async fn late(&self, keys: &BTreeSet<String>) -> Result<BTreeSet<String>, Fault> {
        self.consumers.behind(self.copied.family, keys).await
    }

    /// Has the owner republish what differs. Where the copy has the same version or a newer one, its version is reset first, so that
    /// the republished event counts as newer. An orphan is removed only if the owner does not have it at all: what was published
    /// before there were heads has none until it is published again.
    async fn repair(&self, drifts: &[Drift]) -> Result<(), Fault> {
        let family = self.copied.family;
        let of = |kinds: &[DriftKind]| -> Vec<(String, i64)> {
            let those = drifts.iter().filter(|drift| kinds.contains(&drift.kind));
            those.map(|drift| (drift.key.clone(), drift.copy_version())).collect()
        };
        let orphans = &of(&[DriftKind::Orphan]);
        let wrong = &of(&[DriftKind::Ahead, DriftKind::Content]);
        let reset = async move |tx: &mut Tx| projections::reset_versions(tx, family, wrong).await;
        self.db.write("reconcile.reset_versions", reset).await?;
        let keys: Vec<String> = drifts.iter().map(|drift| drift.key.clone()).collect();
        let unknown = &self.owner.republish(family, &keys).await?;
        let copied = &self.copied;
        self.db
            .write("reconcile.remove_orphans", async move |tx| {
                for (key, version) in orphans.iter().filter(|(key, _)| unknown.contains(key)) {
                    copied.forget(tx, key, *version).await?;
                }
                Ok(())
            })
            .await
    }

    async fn random_key(&self) -> Result<Option<String>, Fault> {
        let family = self.copied.family;
        let read = async |tx: &mut Tx| projections::random_key(tx, family).await;
        self.db.read("reconcile.some_key", read).await
    }
}
