//! Kinds of products, and the tree of categories whose leaves they are.

use super::Category;
use super::data;

/// A kind of product: a leaf of the tree of categories.
pub struct Kind {
    /// Key of its category.
    pub key: &'static str,
    /// Name of its category.
    pub name: &'static str,
    /// Its code in SKUs.
    pub code: &'static str,
    /// Key of the category above.
    pub group: &'static str,
    /// Names of product lines.
    pub series: &'static [&'static str],
    /// Nouns for titles.
    pub nouns: &'static [&'static str],
    /// How its variants differ.
    pub axis: Axis,
    /// Least and greatest price in whole US dollars.
    pub dollars: (i64, i64),
    /// Least and greatest weight in grams.
    pub grams: (i64, i64),
    /// Possible materials; empty if it has none.
    pub materials: &'static [&'static str],
    /// Its tier 2 attributes by code.
    pub facts: &'static [(&'static str, Fact)],
    /// First sentences of descriptions.
    pub sentences: &'static [&'static str],
}

/// How the variants of a product differ, in addition to their color.
pub enum Axis {
    /// Only by color.
    Color,
    /// By size.
    Size(&'static [&'static str]),
    /// By a measurement: code of the attribute and its values. Each step costs more.
    Steps(&'static str, &'static [i64]),
}

/// What values an attribute takes.
pub enum Fact {
    /// Whole numbers from the first to the second.
    Number(i64, i64),
    /// Tenths from the first to the second, in the unit of the definition; may appear in the title.
    Measure(i64, i64),
    /// One of these; may appear in the title.
    Choice(&'static [&'static str]),
    /// One of these texts.
    Text(&'static [&'static str]),
    /// True with this probability in percent.
    Flag(usize),
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
