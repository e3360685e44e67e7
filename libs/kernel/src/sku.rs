//! Stock keeping units.

use std::fmt;

use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    serialize::{self, Output, ToSql},
    sql_types::Text,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A stock keeping unit: 1 to 64 ASCII letters, digits, spaces and any of `-_./+#:`, with no space
/// at either end and no two in a row. `a1` and `A1` are two SKUs. The small alphabet keeps quotes, commas, wildcards and
/// line breaks out of logs, CSV files and cache keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
#[derive(Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Sku(String);

/// Why a text is not a valid SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SkuError {
    /// It is empty.
    #[error("a SKU cannot be empty")]
    Empty,
    /// It has too many characters.
    #[error("a SKU has at most {max} characters, not {length}", max = Sku::MAX_LENGTH)]
    TooLong {
        /// Number of characters.
        length: usize,
    },
    /// It starts or ends with a space; such SKUs would look the same as others.
    #[error("a SKU neither starts nor ends with a space")]
    OuterSpace,
    /// It has two spaces in a row; such SKUs would look the same as others.
    #[error("a SKU has single spaces inside, never two in a row")]
    InnerSpaces,
    /// It contains a character that is not allowed.
    #[error("{character:?} is not allowed in a SKU; letters, digits, inner spaces and -_./+#: are")]
    Character {
        /// The first such character.
        character: char,
    },
}

impl Sku {
    /// Maximum number of characters.
    pub const MAX_LENGTH: usize = 64;

    /// Checks the text and keeps it unchanged, neither trimmed nor converted to another case.
    pub fn parse(text: &str) -> Result<Self, SkuError> {
        check(text).map(|()| Self(text.to_owned()))
    }

    /// The SKU exactly as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str) -> Result<(), SkuError> {
    let length = text.chars().count();
    if length == 0 {
        return Err(SkuError::Empty);
    }
    if Sku::MAX_LENGTH < length {
        return Err(SkuError::TooLong { length });
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err(SkuError::OuterSpace);
    }
    if text.contains("  ") {
        return Err(SkuError::InnerSpaces);
    }
    match text.chars().find(|character| !is_allowed(*character)) {
        Some(character) => Err(SkuError::Character { character }),
        None => Ok(()),
    }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || " -_./+#:".contains(character)
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<Sku> for String {
    fn from(sku: Sku) -> Self {
        sku.0
    }
}

impl TryFrom<String> for Sku {
    type Error = SkuError;

    fn try_from(text: String) -> Result<Self, SkuError> {
        check(&text).map(|()| Self(text))
    }
}

impl ToSql<Text, Pg> for Sku {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(&self.0, out)
    }
}

impl FromSql<Text, Pg> for Sku {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Pg>>::from_sql(value)?;
        Ok(Self::try_from(text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merchants_skus_are_taken_as_they_are() {
        for text in [
            "icecat-3920564",
            "85123A",
            "gift_0001_20",
            "BANK CHARGES",
            "C#/4.2+x:9",
            "a",
            &"x".repeat(64),
        ] {
            assert_eq!(Sku::parse(text).unwrap().as_str(), text);
        }
        assert_ne!(Sku::parse("a1"), Sku::parse("A1"));
    }

    #[test]
    fn each_refusal_says_what_is_wrong() {
        let check = |text: &str, error| assert_eq!(Sku::parse(text), Err(error), "{text:?}");
        check("", SkuError::Empty);
        check(&"x".repeat(65), SkuError::TooLong { length: 65 });
        check(" a", SkuError::OuterSpace);
        check("a ", SkuError::OuterSpace);
        check("a\tb", SkuError::Character { character: '\t' });
        check("a\nb", SkuError::Character { character: '\n' });
        check("größe", SkuError::Character { character: 'ö' });
        check("a\u{a0}b", SkuError::Character { character: '\u{a0}' });
        check("a*b,c", SkuError::Character { character: '*' });
    }

    #[test]
    fn json_is_checked_too() {
        assert_eq!(serde_json::to_string(&Sku::parse("a 1").unwrap()).unwrap(), r#""a 1""#);
        assert!(serde_json::from_str::<Sku>(r#"" a1""#).is_err());
    }
}
