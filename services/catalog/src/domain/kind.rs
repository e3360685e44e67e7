//! Kinds of attribute values.

/// Kind of a value. Together with a code it names a definition; its order is the order of the contract's `oneof`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Text.
    Text,
    /// A finite number.
    Number,
    /// Yes or no.
    Bool,
    /// A calendar day.
    Date,
    /// Several texts.
    Texts,
    /// An amount of money.
    Money,
    /// Texts by language.
    Localized,
    /// Anything.
    Json,
}

impl Kind {
    /// Every kind, with the name that it has in the database.
    pub const NAMES: [(Self, &'static str); 8] = [
        (Self::Text, "text"),
        (Self::Number, "number"),
        (Self::Bool, "bool"),
        (Self::Date, "date"),
        (Self::Texts, "texts"),
        (Self::Money, "money"),
        (Self::Localized, "localized"),
        (Self::Json, "json"),
    ];

    /// Whether its values are texts.
    pub fn holds_texts(self) -> bool {
        matches!(self, Self::Text | Self::Texts)
    }

    /// The name that it has in the database.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The kind of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, own)| *own == name).map(|(kind, _)| *kind)
    }
}
