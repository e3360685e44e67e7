//! Instants and ranges of time in requests.

use chrono::{DateTime, Utc};
use contracts::operations::v1::{DeadLetterFilter, Reason};
use fault::Fault;
use prost_types::Timestamp;

/// A range of time; either end may be open.
pub(super) struct Range {
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

/// Reads a range. Refused with TIME_RANGE_INVALID.
pub(super) fn range(from: Option<&Timestamp>, to: Option<&Timestamp>) -> Result<Range, Fault> {
    let from = from.map(|from| instant(from, "from")).transpose()?;
    let to = to.map(|to| instant(to, "to")).transpose()?;
    if let (Some(from), Some(to)) = (from, to)
        && to <= from
    {
        return Err(Fault::field(Reason::TimeRangeInvalid, "to", "must be later than from"));
    }
    Ok(Range { from, to })
}

/// Checks the range of a filter. Refused with TIME_RANGE_INVALID.
pub(super) fn check(filter: &DeadLetterFilter) -> Result<(), Fault> {
    let range = range(filter.from.as_ref(), filter.to.as_ref());
    range.map(|_| ()).map_err(|fault| fault.below("filter"))
}

fn instant(message: &Timestamp, field: &str) -> Result<DateTime<Utc>, Fault> {
    /// 0001-01-01 and the first second after 9999-12-31, between which protobuf's timestamps lie.
    const SECONDS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;
    let nanos = u32::try_from(message.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    nanos
        .filter(|_| SECONDS.contains(&message.seconds))
        .and_then(|nanos| DateTime::from_timestamp(message.seconds, nanos))
        .ok_or_else(|| {
            let message = "must lie between 0001-01-01 and 9999-12-31, with nanos below 1e9";
            Fault::field(Reason::TimeRangeInvalid, field, message)
        })
}

/// An instant as callers see it.
pub(super) fn timestamp(at: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: at.timestamp(), nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_holds_nothing_is_refused_with_its_field() {
        let at = |seconds, nanos| Timestamp { seconds, nanos };
        let field = |from, to| {
            let filter = DeadLetterFilter { from, to, ..DeadLetterFilter::default() };
            let fault = check(&filter).unwrap_err();
            assert!(fault.is(Reason::TimeRangeInvalid));
            fault.violations()[0].field.clone()
        };
        assert_eq!(field(Some(at(2, 0)), Some(at(2, 0))), "filter.to");
        assert_eq!(field(Some(at(2, 1)), Some(at(2, 0))), "filter.to");
        assert_eq!(field(Some(at(0, -1)), None), "filter.from");
        assert_eq!(field(None, Some(at(i64::MAX, 0))), "filter.to");
        assert!(range(Some(&at(1, 0)), Some(&at(1, 1))).is_ok());
        assert!(range(None, None).is_ok());
    }
}
