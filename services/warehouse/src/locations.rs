//! Warehouses as they were read last. A transaction that has locked levels is told the versions of their warehouses, and uses what is kept
//! only at exactly these, so nothing has to be told when a warehouse changes.

use crate::domain::warehouse::Warehouse;
use fault::Fault;
use kernel::id::Id;
use pg::{Tx, entity};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Warehouses by id.
pub type Known = BTreeMap<Id<Warehouse>, Arc<Warehouse>>;

/// The warehouses that this process has read.
#[derive(Debug, Default)]
pub struct Locations {
    kept: Mutex<HashMap<Id<Warehouse>, Arc<Warehouse>>>,
}

impl Locations {
    /// Warehouses at these versions, or newer.
    pub async fn at_versions(
        &self,
        tx: &mut Tx,
        versions: &BTreeMap<Id<Warehouse>, i64>,
    ) -> Result<Known, Fault> {
        let (mut known, mut missing) = (Known::new(), Vec::new());
        {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, version) in versions {
                match kept.get(id).filter(|own| own.head.version == *version) {
                    Some(own) => _ = known.insert(*id, own.clone()),
                    None => missing.push(*id),
                }
            }
        }
        if !missing.is_empty() {
            let read: Vec<Warehouse> = entity::find(tx, &missing).await?;
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            for own in read {
                let (id, own) = (own.head.id, Arc::new(own));
                kept.insert(id, own.clone());
                known.insert(id, own);
            }
        }
        Ok(known)
    }
}
