//! Figures of a period and of the time before it, from counters.

use crate::domain::counting::Count;
use crate::domain::period::Period;
use analytics_api::v1::{Compared, ComparedAmount, EventType, SeriesPoint};
use chrono::{DateTime, Utc};
use convert::timestamp;
use kernel::rounding::{Rounding, div};
use std::collections::{BTreeMap, BTreeSet};

use crate::domain::types::Kind;

/// A counter of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// When the bucket begins.
    pub bucket: DateTime<Utc>,
    /// Name of the type of the events.
    pub event_type: String,
    /// ISO 4217 code of the amounts; empty: none.
    pub currency: String,
    /// What was counted.
    pub count: Count,
}

/// The counters of a period and of the time before it.
#[derive(Debug, Clone)]
pub struct Figures {
    period: Period,
    rows: Vec<Counted>,
}

impl Figures {
    /// Of counters of the period's grain.
    pub fn new(period: Period, rows: Vec<Counted>) -> Self {
        Self { period, rows }
    }

    /// The sum of a number over the counters that are wanted.
    pub fn sum(
        &self,
        wanted: impl Fn(&Counted) -> bool,
        number: impl Fn(&Count) -> i64,
    ) -> Compared {
        let (mut current, mut previous) = (0, 0);
        for row in self.rows.iter().filter(|row| wanted(row)) {
            let side = if row.bucket >= self.period.from { &mut current } else { &mut previous };
            *side += number(&row.count);
        }
        compared(current, previous)
    }

    /// How many events of a type there were; of sessions or customers, how many had one.
    pub fn events(&self, event_type: EventType) -> Compared {
        self.sum(|row| row.event_type == name(event_type), |count| count.events)
    }

    /// The same under a name.
    pub fn events_named(&self, name: &str) -> Compared {
        self.sum(|row| row.event_type == name, |count| count.events)
    }

    /// The currencies of events of these types.
    pub fn currencies(&self, types: &[EventType]) -> BTreeSet<&str> {
        let rows =
            self.rows.iter().filter(|row| types.iter().any(|own| row.event_type == name(*own)));
        rows.map(|row| row.currency.as_str()).filter(|currency| !currency.is_empty()).collect()
    }

    /// Amounts of events of a type by currency.
    pub fn amounts(&self, event_type: EventType) -> Vec<ComparedAmount> {
        let amount = |currency: &str| ComparedAmount {
            currency_code: currency.to_owned(),
            minor_units: Some(self.of(event_type, currency, |count| count.amount)),
        };
        self.currencies(&[event_type]).into_iter().map(amount).collect()
    }

    /// A number of events of a type in a currency.
    pub fn of(
        &self,
        event_type: EventType,
        currency: &str,
        number: impl Fn(&Count) -> i64,
    ) -> Compared {
        let name = name(event_type);
        self.sum(|row| row.event_type == name && row.currency == currency, number)
    }

    /// How many of the wanted events each bucket of the period has.
    pub fn series(&self, wanted: impl Fn(&Counted) -> bool) -> Vec<SeriesPoint> {
        let mut sums: BTreeMap<DateTime<Utc>, i64> =
            self.period.buckets().into_iter().map(|bucket| (bucket, 0)).collect();
        for row in self.rows.iter().filter(|row| wanted(row)) {
            if let Some(sum) = sums.get_mut(&row.bucket) {
                *sum += row.count.events;
            }
        }
        let point = |(bucket, events)| SeriesPoint { from: Some(timestamp(bucket)), events };
        sums.into_iter().map(point).collect()
    }

    /// The counters of the period itself of events of a type, by bucket and currency.
    pub fn current(&self, event_type: EventType) -> impl Iterator<Item = &Counted> {
        let (from, name) = (self.period.from, name(event_type));
        self.rows.iter().filter(move |row| row.bucket >= from && row.event_type == name)
    }
}

/// The name of a type in tables.
pub fn name(event_type: EventType) -> &'static str {
    Kind::of(event_type).map_or("", |kind| kind.name)
}

/// Two figures and their difference.
pub fn compared(current: i64, previous: i64) -> Compared {
    let change = permyriad(current - previous, previous);
    Compared { current, previous, change_permyriad: change }
}

/// How much a figure is of another one, in hundredths of a percent; none where the other is 0.
pub fn permyriad(part: i64, whole: i64) -> Option<i64> {
    let permyriad = div(i128::from(part) * 10_000, i128::from(whole), Rounding::HalfEven)?;
    i64::try_from(permyriad).ok()
}

/// An amount by as many as it is of; 0 where there are none.
pub fn average(amount: i64, number: i64) -> i64 {
    let average = div(i128::from(amount), i128::from(number), Rounding::HalfEven);
    average.and_then(|average| i64::try_from(average).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_where_there_was_something_before() {
        let told = |current, previous| compared(current, previous).change_permyriad;
        assert_eq!(
            [told(3, 2), told(1, 2), told(0, 3), told(5, 0)],
            [Some(5_000), Some(-5_000), Some(-10_000), None]
        );
        assert_eq!([average(5, 2), average(15, 10), average(5, 0)], [2, 2, 0]);
    }
}
