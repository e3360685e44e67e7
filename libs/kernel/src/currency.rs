//! Which currencies exist, and how many digits their minor unit has.

mod table;

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

use table::TABLE;

/// One active ISO 4217 currency, as its place in the sorted table: one byte, so price rows stay
/// small, and ordered as the codes are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
#[derive(Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub struct Currency(u8);

/// The text is not the code of an active ISO 4217 currency with a minor unit. The error does not
/// quote the text, which comes from the caller and may have any content and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a currency is an active ISO 4217 code of three upper-case letters")]
pub struct UnknownCurrency;

impl Currency {
    /// Accepts the exact code only: `usd` or ` USD` is refused, so a currency has one spelling in
    /// keys and digests.
    pub fn parse(code: &str) -> Result<Self, UnknownCurrency> {
        TABLE
            .binary_search_by_key(&code, |(known, _)| known)
            .ok()
            .and_then(|index| u8::try_from(index).ok())
            .map(Self)
            .ok_or(UnknownCurrency)
    }

    /// All currencies, by code.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).take(TABLE.len()).map(Self)
    }

    /// The three upper-case letters of ISO 4217.
    pub fn code(self) -> &'static str {
        self.entry().0
    }

    /// How many decimal digits one major unit has: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn minor_digits(self) -> u8 {
        self.entry().1
    }

    /// Cannot be out of bounds: `parse` is the only constructor, and it takes the index from the
    /// table.
    fn entry(self) -> (&'static str, u8) {
        TABLE[usize::from(self.0)]
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<Currency> for &'static str {
    fn from(currency: Currency) -> Self {
        currency.code()
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;

    fn try_from(code: String) -> Result<Self, UnknownCurrency> {
        Self::parse(&code)
    }
}

impl ToSql<Text, Pg> for Currency {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(self.code(), out)
    }
}

impl FromSql<Text, Pg> for Currency {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let code = <String as FromSql<Text, Pg>>::from_sql(value)?;
        Ok(Self::parse(&code)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_three_upper_case_letters_and_fits_a_byte() {
        assert!(TABLE.is_sorted_by(|left, right| left.0 < right.0));
        for (code, _) in TABLE {
            assert!(code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()));
        }
        assert!(TABLE.len() <= usize::from(u8::MAX));
    }

    #[test]
    fn every_code_parses_to_itself() {
        for (code, minor_digits) in TABLE {
            let currency = Currency::parse(code).unwrap();
            assert_eq!(currency.code(), code);
            assert_eq!(currency.minor_digits(), minor_digits);
        }
    }

    #[test]
    fn minor_digits_are_those_of_iso_4217() {
        let with = |digits| {
            let entries = TABLE.iter().filter(|entry| entry.1 == digits);
            Vec::from_iter(entries.map(|entry| entry.0)).join(" ")
        };
        let none = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
        assert_eq!(with(0), none);
        assert_eq!(with(3), "BHD IQD JOD KWD LYD OMR TND");
        assert_eq!(with(4), "CLF UYW");
    }

    #[test]
    fn other_spellings_and_codes_without_a_minor_unit_are_refused() {
        for code in ["", "usd", " USD", "USDX", "US", "XAU", "XXX", "ABC", "€"] {
            assert_eq!(Currency::parse(code), Err(UnknownCurrency), "{code}");
        }
    }

    #[test]
    fn order_is_the_order_of_the_codes_and_json_is_the_code() {
        let [eur, usd] = ["EUR", "USD"].map(|code| Currency::parse(code).unwrap());
        assert!(eur < usd);
        assert_eq!(serde_json::to_string(&usd).unwrap(), r#""USD""#);
        assert_eq!(serde_json::from_str::<Currency>(r#""EUR""#).unwrap(), eur);
        assert!(serde_json::from_str::<Currency>(r#""eur""#).is_err());
    }
}
