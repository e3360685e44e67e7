//! Categories: a tree of at most [`MAX_DEPTH`] levels.

use catalog_api::v1::Reason;
use chrono::{DateTime, Utc};
use fault::Fault;
use kernel::head::{Change, Changed, Head};
use kernel::id::Id;

/// Most levels of the tree.
pub const MAX_DEPTH: usize = 20;

/// The fields that an update may name.
pub const FIELDS: [&str; 4] = ["key", "name", "parent_id", "low_stock_threshold"];

/// A node of the tree that products are filed under. It is never its own ancestor.
#[derive(Debug, Clone, PartialEq)]
pub struct Category {
    /// Its id, version and instants.
    pub head: Head<Category>,
    /// Its content.
    pub content: Content,
}

/// The content that a caller sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// Key, unique among categories that exist.
    pub key: String,
    /// Name as customers read it.
    pub name: String,
    /// The category above; none: at the top.
    pub parent_id: Option<Id<Category>>,
    /// Stock of the products below is low at this quantity or below; none: as the category above says.
    pub low_stock_threshold: Option<i64>,
}

impl Content {
    /// Takes over the fields of `new` that are `named`; says which differ.
    pub fn take<'m>(&mut self, new: Self, named: &'m [&'m str]) -> Changed<'m> {
        let mut changed = Changed::among(named);
        changed.set("key", &mut self.key, new.key);
        changed.set("name", &mut self.name, new.name);
        changed.set("parent_id", &mut self.parent_id, new.parent_id);
        let threshold = new.low_stock_threshold;
        changed.set("low_stock_threshold", &mut self.low_stock_threshold, threshold);
        changed
    }
}

/// What a write finds in the rest of the tree.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Another category has the wanted key.
    pub key_taken: bool,
    /// The wanted parent and all that is above it; empty where there is none.
    pub ancestors: Vec<Id<Category>>,
    /// Levels of the category and all that is below it; 0 where it is new.
    pub height: usize,
}

impl Category {
    /// A new category.
    pub fn create(
        id: Id<Self>,
        content: Content,
        around: &Surroundings,
        now: DateTime<Utc>,
    ) -> Result<(Self, Change), Fault> {
        let own = Self { head: Head::new(id, now), content };
        own.place(&own.content, around)?;
        Ok((own, Change::Created))
    }

    /// Gives it the content `next`.
    pub fn update(
        &mut self,
        next: Content,
        around: &Surroundings,
        expected: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Option<Change>, Fault> {
        self.head.expect(expected)?;
        self.place(&next, around)?;
        let changed = self.content.take(next, &FIELDS);
        Ok(self.head.update(changed, now))
    }

    /// Deletes it unless something is filed under it.
    pub fn delete(
        &mut self,
        products: i64,
        children: i64,
        expected: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Change, Fault> {
        self.head.expect(expected)?;
        if products > 0 || children > 0 {
            let message = format!(
                "{products} products and {children} categories are below it; move them first"
            );
            let fault = Fault::new(Reason::Referenced, message);
            return Err(fault.with("products", products).with("children", children));
        }
        Ok(self.head.delete(now))
    }

    fn place(&self, content: &Content, around: &Surroundings) -> Result<(), Fault> {
        if around.key_taken {
            let message = "belongs to another category";
            let fault = Fault::field(Reason::CategoryKeyTaken, "category.key", message);
            return Err(fault.with("key", &content.key));
        }
        let Some(parent) = content.parent_id else { return Ok(()) };
        if parent == self.head.id || around.ancestors.contains(&self.head.id) {
            let message = "is the category itself or is below it";
            return Err(Fault::field(Reason::CategoryCycle, "category.parent_id", message));
        }
        if around.ancestors.is_empty() {
            let message = "names no category that exists";
            return Err(Fault::field(Reason::UnknownCategory, "category.parent_id", message));
        }
        if around.ancestors.len() + around.height.max(1) > MAX_DEPTH {
            let message = format!("would make the tree more than {MAX_DEPTH} levels deep");
            return Err(Fault::field(Reason::CategoryTooDeep, "category.parent_id", message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(parent: Id<Category>) -> Content {
        Content { key: "k".into(), name: "n".into(), parent_id: Some(parent), ..Content::default() }
    }

    fn reason(ancestors: usize, height: usize) -> Option<String> {
        let ancestors: Vec<_> = (0..ancestors).map(|_| Id::new()).collect();
        let parent = ancestors.first().copied().unwrap_or_else(Id::new);
        let around = Surroundings { key_taken: false, ancestors, height };
        let made = Category::create(Id::new(), below(parent), &around, Utc::now());
        made.err().map(|fault| fault.reason().to_owned())
    }

    #[test]
    fn the_tree_has_twenty_levels() {
        assert_eq!(reason(19, 0), None);
        assert_eq!(reason(20, 0).as_deref(), Some("CATEGORY_TOO_DEEP"));
        assert_eq!(reason(15, 5), None);
        assert_eq!(reason(16, 5).as_deref(), Some("CATEGORY_TOO_DEEP"));
        assert_eq!(reason(0, 0).as_deref(), Some("UNKNOWN_CATEGORY"));
    }

    #[test]
    fn no_category_comes_below_itself() {
        let now = Utc::now();
        let top = Content { key: "k".into(), name: "n".into(), ..Content::default() };
        let around = Surroundings::default();
        let (mut own, _) = Category::create(Id::new(), top, &around, now).unwrap();
        let child = Id::new();
        let around =
            Surroundings { ancestors: vec![child, own.head.id], ..Surroundings::default() };
        for parent in [own.head.id, child] {
            let moved = own.update(below(parent), &around, None, now);
            assert!(moved.unwrap_err().is(Reason::CategoryCycle));
        }
        assert_eq!((own.head.version, own.content.parent_id), (1, None));
    }

    #[test]
    fn what_is_filed_under_it_keeps_it() {
        let now = Utc::now();
        let top = Content { key: "k".into(), name: "n".into(), ..Content::default() };
        let (mut own, _) = Category::create(Id::new(), top, &Surroundings::default(), now).unwrap();
        let fault = own.delete(2, 1, None, now).unwrap_err();
        assert_eq!((&*fault.metadata()["products"], &*fault.metadata()["children"]), ("2", "1"));
        assert!(own.delete(0, 0, Some(7), now).is_err());
        assert_eq!(own.delete(0, 0, Some(1), now).unwrap(), Change::Deleted);
    }
}
