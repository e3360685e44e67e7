//! The time span of a report, and the one before it.

use crate::domain::counting::Grain;
use analytics_api::v1::Reason;
use chrono::{DateTime, TimeDelta, Utc};
use fault::Fault;

/// Most days of a report by the day.
const MAX_DAYS: i64 = 400;

/// Most hours of a report by the hour.
const MAX_HOURS: i64 = 31 * 24;

/// A time span that begins and ends with a bucket of its grain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First instant.
    pub from: DateTime<Utc>,
    /// First instant after it.
    pub until: DateTime<Utc>,
    /// Length of its buckets.
    pub grain: Grain,
}

impl Period {
    /// A span of whole days, or else of whole hours.
    pub fn try_new(from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Self, Fault> {
        let wrong = |message: &str| Fault::field(Reason::PeriodInvalid, "period", message);
        if from >= until {
            return Err(wrong("must end after it begins"));
        }
        let whole = |grain: Grain| [from, until].iter().all(|at| grain.bucket(*at) == *at);
        let length = until - from;
        if whole(Grain::Day) {
            if length.num_days() > MAX_DAYS {
                return Err(wrong("must have at most 400 days"));
            }
            return Ok(Self { from, until, grain: Grain::Day });
        }
        if !whole(Grain::Hour) {
            return Err(wrong("must begin and end with an hour"));
        }
        if length.num_hours() > MAX_HOURS {
            return Err(wrong("must have at most 31 days, or be of whole days"));
        }
        Ok(Self { from, until, grain: Grain::Hour })
    }

    /// Refuses a span that is not of whole days.
    pub fn require_days(self) -> Result<Self, Fault> {
        if self.is_of_days() {
            return Ok(self);
        }
        let message = "must be of whole days: sessions are counted by the day";
        Err(Fault::field(Reason::PeriodInvalid, "period", message))
    }

    /// Whether it is of whole days.
    pub fn is_of_days(self) -> bool {
        self.grain == Grain::Day
    }

    /// When the span of the same length before it begins.
    pub fn before(self) -> DateTime<Utc> {
        self.from - (self.until - self.from)
    }

    /// When its buckets begin.
    pub fn buckets(self) -> Vec<DateTime<Utc>> {
        self.buckets_from(self.from)
    }

    /// When its buckets begin and those of the span before it.
    pub fn all_buckets(self) -> Vec<DateTime<Utc>> {
        self.buckets_from(self.before())
    }

    fn buckets_from(self, from: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let step = match self.grain {
            Grain::Day => TimeDelta::days(1),
            Grain::Hour => TimeDelta::hours(1),
            Grain::Minute => TimeDelta::minutes(1),
        };
        std::iter::successors(Some(from), |at| Some(*at + step))
            .take_while(|at| *at < self.until)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64, minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours) + TimeDelta::minutes(minutes)
    }

    #[test]
    fn days_are_counted_in_days_and_hours_in_hours() {
        let days = Period::try_new(at(240, 0), at(288, 0)).unwrap();
        assert_eq!((days.grain, days.before()), (Grain::Day, at(192, 0)));
        assert_eq!(days.buckets(), [at(240, 0), at(264, 0)]);
        assert_eq!(days.all_buckets().len(), 4);
        let hours = Period::try_new(at(240, 0), at(243, 0)).unwrap();
        assert_eq!((hours.grain, hours.buckets().len()), (Grain::Hour, 3));
        assert!(hours.require_days().unwrap_err().is(Reason::PeriodInvalid));
    }

    #[test]
    fn what_buckets_cannot_answer_is_refused() {
        let wrong = [
            (at(1, 0), at(1, 0)),
            (at(2, 0), at(1, 0)),
            (at(1, 30), at(3, 0)),
            (at(1, 0), at(1 + MAX_HOURS + 1, 0)),
            (at(0, 0), at(24 * (MAX_DAYS + 1), 0)),
        ];
        for (from, until) in wrong {
            let fault = Period::try_new(from, until).unwrap_err();
            assert!(fault.is(Reason::PeriodInvalid), "{from} {until}");
        }
        assert!(Period::try_new(at(0, 0), at(24 * MAX_DAYS, 0)).is_ok());
    }
}
