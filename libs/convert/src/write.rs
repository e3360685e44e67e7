use chrono::{DateTime, Utc};
use contracts::types::v1::Money as MoneyMessage;
use kernel::money::Money;
use prost_types::Timestamp;

/// An instant, in microseconds as the database keeps it.
pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_micros()).unwrap_or_default() * 1_000;
    Timestamp { seconds: at.timestamp(), nanos }
}

/// An amount of money.
pub fn money(amount: Money) -> MoneyMessage {
    MoneyMessage {
        currency_code: amount.currency.code().to_owned(),
        minor_units: Some(amount.minor),
    }
}

/// An optional text or id: absent is empty.
pub fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}
