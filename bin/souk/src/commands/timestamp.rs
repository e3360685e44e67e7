//! Timestamps on the command line: RFC 3339, or a duration before now.

use super::duration::duration;
use prost_types::Timestamp;
use std::time::SystemTime;

/// Parses `2026-11-27T01:30:00Z`, a date for its midnight (UTC), or `2h` for two hours ago.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = duration(text) {
        let at = SystemTime::now().checked_sub(ago);
        return at.map(Timestamp::from).ok_or_else(|| format!("{text:?} is before all clocks"));
    }
    text.parse().map_err(|_| {
        format!("{text:?} is no time as 2026-11-27T01:30:00Z, and not how long ago as 90s, 15m, 2h or 3d")
    })
}

/// Formats a timestamp with a precision of seconds.
pub(super) fn format(at: Option<&Timestamp>) -> String {
    at.map(|at| Timestamp { nanos: 0, ..*at }.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_an_instant_or_a_duration_before_now() {
        let at = parse("2026-11-27T01:30:00Z").unwrap();
        assert_eq!(format(Some(&at)), "2026-11-27T01:30:00Z");
        assert_eq!(parse("2026-11-27T02:30:00+01:00").unwrap(), at);
        assert_eq!(parse("2026-11-27"), parse("2026-11-27T00:00:00Z"));
        let now = Timestamp::from(SystemTime::now()).seconds;
        assert!((7_190..=7_210).contains(&(now - parse("2h").unwrap().seconds)));
        for wrong in ["", "yesterday", "2", "2026-13-27", "-2h"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
