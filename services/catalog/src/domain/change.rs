//! What a decision did. Every aggregate is changed in the same three ways; one that says nothing was not changed.

use fault::Fault;

/// What happened to an aggregate; the store writes it together with the event that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created,
    /// The named fields have other values.
    Updated(Vec<&'static str>),
    /// It is gone; its row stays.
    Deleted,
}

impl Change {
    /// An update, or none where no field changed.
    pub fn of(changed: Vec<&'static str>) -> Option<Self> {
        if changed.is_empty() { None } else { Some(Self::Updated(changed)) }
    }

    /// What is said of one that is published again as it is: nothing has changed.
    pub fn again(deleted: bool) -> Self {
        if deleted { Self::Deleted } else { Self::Updated(Vec::new()) }
    }

    /// Whether what is kept of a field has to be written anew.
    pub fn touches(&self, field: &str) -> bool {
        match self {
            Self::Created | Self::Deleted => true,
            Self::Updated(fields) => fields.contains(&field),
        }
    }
}

/// Refuses a caller who has seen another version than the current one.
pub fn expect_version(current: i64, expected: Option<i64>) -> Result<(), Fault> {
    match expected {
        Some(expected) if expected != current => Err(Fault::conflict(current, expected)),
        _ => Ok(()),
    }
}

/// Puts a new value in the place of the current one where they differ, and notes the field's name.
pub(super) fn replace<T: PartialEq>(
    changed: &mut Vec<&'static str>,
    name: &'static str,
    current: &mut T,
    new: T,
) {
    if *current != new {
        *current = new;
        changed.push(name);
    }
}
