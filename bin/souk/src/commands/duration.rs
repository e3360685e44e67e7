use std::time::Duration;

/// Parses a number with s, m, h or d.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a number with s, m, h or d, e.g. 12h");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let total = number.checked_mul(seconds).filter(|total| (1..=366 * 86_400).contains(total));
    total.map(Duration::from_secs).ok_or_else(|| format!("{text:?} is not between 1s and 366d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("12h"), Ok(Duration::from_secs(43_200)));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "12", "h", "1w", "0s", "400d", "99999999999999999999d", "-1h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
