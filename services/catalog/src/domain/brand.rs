//! Brands.

use catalog_api::v1::Reason;
use chrono::{DateTime, Utc};
use fault::Fault;
use kernel::head::{Change, Changed, Head};
use kernel::id::Id;

/// A brand. No two that exist have the same name, whatever its case.
#[derive(Debug, Clone, PartialEq)]
pub struct Brand {
    /// Its id, version and instants.
    pub head: Head<Brand>,
    /// Name as customers read it.
    pub name: String,
}

impl Brand {
    /// A new brand; `taken`: another one has the name.
    pub fn create(
        id: Id<Self>,
        name: String,
        taken: bool,
        now: DateTime<Utc>,
    ) -> Result<(Self, Change), Fault> {
        refuse_taken(taken)?;
        Ok((Self { head: Head::new(id, now), name }, Change::Created))
    }

    /// Gives it another name; `taken`: another one has it.
    pub fn rename(
        &mut self,
        name: String,
        taken: bool,
        expected: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Option<Change>, Fault> {
        self.head.expect(expected)?;
        refuse_taken(taken)?;
        let mut changed = Changed::default();
        changed.set("name", &mut self.name, name);
        Ok(self.head.update(changed, now))
    }

    /// Deletes it unless `products` products have it.
    pub fn delete(
        &mut self,
        products: i64,
        expected: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Change, Fault> {
        self.head.expect(expected)?;
        if products > 0 {
            let message =
                format!("{products} products have this brand; give them another one first");
            return Err(Fault::new(Reason::Referenced, message).with("products", products));
        }
        Ok(self.head.delete(now))
    }
}

fn refuse_taken(taken: bool) -> Result<(), Fault> {
    if !taken {
        return Ok(());
    }
    Err(Fault::field(Reason::BrandNameTaken, "name", "belongs to another brand"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brand_in_use_stays() {
        let now = Utc::now();
        let (mut brand, _) = Brand::create(Id::new(), "Acme".into(), false, now).unwrap();
        let fault = brand.delete(3, None, now).unwrap_err();
        assert!(fault.is(Reason::Referenced));
        assert_eq!(fault.metadata()["products"], "3");
        assert_eq!(brand.head.version, 1);
        assert_eq!(brand.delete(0, Some(1), now).unwrap(), Change::Deleted);
        assert_eq!((brand.head.version, brand.head.deleted_at), (2, Some(now)));
    }

    #[test]
    fn the_same_name_changes_nothing_and_another_case_does() {
        let now = Utc::now();
        let (mut brand, _) = Brand::create(Id::new(), "Acme".into(), false, now).unwrap();
        assert_eq!(brand.rename("Acme".into(), false, None, now).unwrap(), None);
        let changed = brand.rename("ACME".into(), false, None, now).unwrap();
        assert_eq!(changed, Some(Change::Updated(vec!["name"])));
        assert!(
            brand.rename("Other".into(), true, None, now).unwrap_err().is(Reason::BrandNameTaken)
        );
    }
}
