//! Amounts of money: whole minor units of one currency, never a float.

use std::fmt;

use thiserror::Error;

use crate::currency::Currency;

/// An amount in minor units (cents for USD, yen for JPY). It implements neither `Ord` nor operators:
/// amounts of two currencies are not comparable, and an overflow must be handled where it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// The currency.
    pub currency: Currency,
    /// Number of minor units; negative for refunds.
    pub minor: i64,
}

/// Why an operation on money failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The exact result does not fit into an `i64`.
    #[error("the amount is too large to be represented")]
    Overflow,
    /// The amounts are in different currencies; nothing is converted.
    #[error("{left} and {right} cannot be mixed in one operation")]
    CurrencyMismatch {
        /// Currency of the left operand.
        left: Currency,
        /// Currency of the right operand.
        right: Currency,
    },
}

impl Money {
    /// An amount of `minor` units; every combination is valid.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { currency, minor }
    }

    /// Zero in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The sum, unless the currencies differ or it overflows.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.require_same_currency(other)?;
        self.with(self.minor.checked_add(other.minor))
    }

    /// The difference, which may be negative, unless the currencies differ or it overflows.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.require_same_currency(other)?;
        self.with(self.minor.checked_sub(other.minor))
    }

    /// A unit price times a quantity.
    pub fn checked_mul(self, factor: i64) -> Result<Self, MoneyError> {
        self.with(self.minor.checked_mul(factor))
    }

    /// The negated amount; `i64::MIN` overflows.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        self.with(self.minor.checked_neg())
    }

    /// The amount as an exact decimal number, `12.34`: as many decimals as the currency has.
    pub fn decimal(self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = usize::from(self.currency.minor_digits());
        // Padded with leading zeros, so that amounts below one major unit can be split too.
        let minor = format!("{:0width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (major, fraction) = minor.split_at(minor.len() - digits);
        let point = if digits == 0 { "" } else { "." };
        format!("{sign}{major}{point}{fraction}")
    }

    fn with(self, minor: Option<i64>) -> Result<Self, MoneyError> {
        let minor = minor.ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    fn require_same_currency(self, other: Self) -> Result<(), MoneyError> {
        let (left, right) = (self.currency, other.currency);
        if left == right { Ok(()) } else { Err(MoneyError::CurrencyMismatch { left, right }) }
    }
}

/// `12.34 USD`: as many decimals as the currency has, no digit grouping, independent of locale.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, Currency::parse(code).unwrap())
    }

    fn usd(minor: i64) -> Money {
        money(minor, "USD")
    }

    #[test]
    fn arithmetic_within_one_currency() {
        assert_eq!(usd(100).checked_add(usd(-130)), Ok(usd(-30)));
        assert_eq!(usd(100).checked_sub(usd(130)), Ok(usd(-30)));
        assert_eq!(usd(-125).checked_mul(3), Ok(usd(-375)));
        assert_eq!(usd(-125).checked_neg(), Ok(usd(125)));
        assert_eq!(Money::zero(usd(7).currency).checked_add(usd(7)), Ok(usd(7)));
    }

    #[test]
    fn overflow_is_refused_in_every_operation() {
        let (least, most) = (usd(i64::MIN), usd(i64::MAX));
        assert_eq!(most.checked_add(usd(1)), Err(MoneyError::Overflow));
        assert_eq!(least.checked_sub(usd(1)), Err(MoneyError::Overflow));
        assert_eq!(most.checked_mul(2), Err(MoneyError::Overflow));
        assert_eq!(least.checked_neg(), Err(MoneyError::Overflow));
    }

    #[test]
    fn mixed_currencies_are_refused_even_for_nothing() {
        let (dollars, euros) = (usd(0), money(0, "EUR"));
        let (left, right) = (dollars.currency, euros.currency);
        let mismatch = MoneyError::CurrencyMismatch { left, right };
        assert_eq!(dollars.checked_add(euros), Err(mismatch));
        assert_eq!(dollars.checked_sub(euros), Err(mismatch));
    }

    #[test]
    fn display_uses_the_minor_digits_of_the_currency() {
        let check = |minor, code, expected| assert_eq!(money(minor, code).to_string(), expected);
        check(1234, "USD", "12.34 USD");
        check(5, "USD", "0.05 USD");
        check(-5, "USD", "-0.05 USD");
        check(0, "EUR", "0.00 EUR");
        check(1234, "JPY", "1234 JPY");
        check(0, "JPY", "0 JPY");
        check(1234, "KWD", "1.234 KWD");
        check(7, "CLF", "0.0007 CLF");
        check(i64::MIN, "USD", "-92233720368547758.08 USD");
    }
}
