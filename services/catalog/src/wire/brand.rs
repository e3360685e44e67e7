//! Brands.

use super::{proto, text, time};
use crate::domain::brand::Brand;
use crate::domain::change::Change;
use contracts::Fact;
use contracts::catalog::v1::{BrandCreated, BrandDeleted, BrandUpdated};
use fault::{Fault, Fields};

/// Reads a name.
pub fn name(sent: &str) -> Result<String, Fault> {
    let mut fields = Fields::default();
    let name = text::required(&mut fields, "name", sent);
    fields.finish()?;
    Ok(name)
}

impl From<&Brand> for proto::Brand {
    fn from(brand: &Brand) -> Self {
        Self {
            brand_id: brand.id.to_string(),
            name: brand.name.clone(),
            version: brand.version,
            create_time: time::timestamp(brand.created_at),
            update_time: time::timestamp(brand.updated_at),
        }
    }
}

/// The event that tells of a change.
pub fn fact(brand: &Brand, change: &Change) -> Fact {
    match change {
        Change::Created => Fact::from(&BrandCreated { brand: Some(brand.into()) }),
        Change::Updated(changed) => Fact::from(&BrandUpdated {
            brand: Some(brand.into()),
            changed: changed.iter().map(ToString::to_string).collect(),
        }),
        Change::Deleted => {
            Fact::from(&BrandDeleted { brand_id: brand.id.to_string(), version: brand.version })
        }
    }
}

/// Its version and digest.
pub fn version(brand: &Brand) -> proto::AggregateVersion {
    let message = || proto::Brand::from(brand);
    super::versioned(brand.id, brand.version, brand.deleted_at.is_some(), message)
}
