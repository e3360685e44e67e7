//! Brands.

use crate::domain::brand::Brand;
use catalog_api::v1 as proto;
use contracts::{Aggregate, Fact};
use convert::timestamp;
use kernel::head::{Change, Head};
use pg::entity::Published;
use proto::{BrandCreated, BrandDeleted, BrandUpdated};

impl From<&Brand> for proto::Brand {
    fn from(brand: &Brand) -> Self {
        Self {
            brand_id: brand.head.id.to_string(),
            name: brand.name.clone(),
            version: brand.head.version,
            create_time: Some(timestamp(brand.head.created_at)),
            update_time: Some(timestamp(brand.head.updated_at)),
        }
    }
}

impl Published for Brand {
    const FAMILY: &'static str = proto::Brand::FAMILY;

    fn head(&self) -> &Head<Self> {
        &self.head
    }

    fn event(&self, change: &Change) -> Fact {
        match change {
            Change::Created => Fact::from(&BrandCreated { brand: Some(self.into()) }),
            Change::Updated(_) => {
                let changed = change.names();
                Fact::from(&BrandUpdated { brand: Some(self.into()), changed })
            }
            Change::Deleted => Fact::from(&BrandDeleted {
                brand_id: self.head.id.to_string(),
                version: self.head.version,
            }),
        }
    }
}
