//! The tree of categories; its leaves are the kinds of products.

use super::data;
use super::kinds::Kind;

/// A category of the sample shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Category {
    /// Its key.
    pub key: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Key of the category above it.
    pub parent: Option<&'static str>,
}

const DEPARTMENTS: [(&str, &str); 5] = [
    ("electronics", "Electronics"),
    ("home", "Home"),
    ("fashion", "Fashion"),
    ("sports", "Sports"),
    ("workshop", "Workshop"),
];

const GROUPS: [(&str, &str, &str); 12] = [
    ("phones", "Phones and Tablets", "electronics"),
    ("audio", "Audio", "electronics"),
    ("computers", "Computers", "electronics"),
    ("kitchen", "Kitchen", "home"),
    ("furniture", "Furniture", "home"),
    ("lighting", "Lighting", "home"),
    ("clothing", "Clothing", "fashion"),
    ("shoes", "Shoes", "fashion"),
    ("accessories", "Accessories", "fashion"),
    ("outdoor", "Outdoor", "sports"),
    ("cycling", "Cycling", "sports"),
    ("power-tools", "Power Tools", "workshop"),
];

/// All kinds.
pub fn all() -> Vec<&'static Kind> {
    let departments = [&data::electronics::KINDS[..], &data::home::KINDS, &data::fashion::KINDS];
    let rest = [&data::sports::KINDS[..], &data::workshop::KINDS];
    departments.into_iter().chain(rest).flatten().collect()
}

/// Key of the department of a kind.
pub fn department(kind: &Kind) -> &'static str {
    GROUPS.iter().find(|group| group.0 == kind.group).map_or("", |group| group.2)
}

/// The tree, parents first.
pub fn categories() -> Vec<Category> {
    let departments = DEPARTMENTS.iter().map(|(key, name)| Category { key, name, parent: None });
    let groups =
        GROUPS.iter().map(|(key, name, parent)| Category { key, name, parent: Some(parent) });
    let leaves = all().into_iter().map(|kind| Category {
        key: kind.key,
        name: kind.name,
        parent: Some(kind.group),
    });
    departments.chain(groups).chain(leaves).collect()
}
