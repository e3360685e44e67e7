//! Kinds of products.

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
