//! Brands.

use super::change::{Change, expect_version, replace};
use chrono::{DateTime, Utc};
use contracts::catalog::v1::Reason;
use diesel::{Queryable, Selectable};
use fault::Fault;
use kernel::id::Id;

/// A brand. No two that exist have the same name, whatever its case.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = crate::schema::brands)]
pub struct Brand {
    /// UUIDv7.
    pub id: Id<Brand>,
    /// Name as customers read it.
    pub name: String,
    /// Raised by one with every change, from 1.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was deleted.
    pub deleted_at: Option<DateTime<Utc>>,
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
        let (created_at, updated_at) = (now, now);
        let own = Self { id, name, version: 1, created_at, updated_at, deleted_at: None };
        Ok((own, Change::Created))
    }

    /// Gives it another name; `taken`: another one has it.
    pub fn rename(
        &mut self,
        name: String,
        taken: bool,
        expected: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Option<Change>, Fault> {
        expect_version(self.version, expected)?;
        refuse_taken(taken)?;
        let mut changed = Vec::new();
        replace(&mut changed, "name", &mut self.name, name);
        if !changed.is_empty() {
            self.version += 1;
            self.updated_at = now;
        }
        Ok(Change::of(changed))
    }

    /// Deletes it unless `products` products have it.
    pub fn delete(
        &mut self,
        products: i64,
        expected: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Change, Fault> {
        expect_version(self.version, expected)?;
        if products > 0 {
            let message =
                format!("{products} products have this brand; give them another one first");
            return Err(Fault::new(Reason::Referenced, message).with("products", products));
        }
        self.version += 1;
        self.updated_at = now;
        self.deleted_at = Some(now);
        Ok(Change::Deleted)
    }
}

/// What makes two names the same.
pub fn fold(name: &str) -> String {
    name.to_lowercase()
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
        assert_eq!(brand.version, 1);
        assert_eq!(brand.delete(0, Some(1), now).unwrap(), Change::Deleted);
        assert_eq!((brand.version, brand.deleted_at), (2, Some(now)));
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
        assert_eq!(fold("ÉCOLE"), fold("école"));
    }
}
