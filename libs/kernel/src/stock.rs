//! When stock is low.

/// Whether so many available units are low. Stock that is low, or was sold out, stays so until a tenth more than the threshold is
/// available, at least one unit more, so that its status does not flicker.
pub fn is_low(available: i64, threshold: i64, was_in_stock: bool) -> bool {
    let tenth = threshold / 10 + i64::from(threshold % 10 > 0);
    let above = if was_in_stock { 1 } else { tenth.max(1) };
    available < threshold.saturating_add(above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_is_low_at_the_threshold_and_stays_so_until_a_tenth_more() {
        for (threshold, ends) in [(0, 1), (5, 6), (10, 11), (15, 17), (20, 22), (100, 110)] {
            assert!(is_low(threshold, threshold, true));
            assert!(!is_low(threshold + 1, threshold, true));
            assert!(is_low(ends - 1, threshold, false), "{threshold}");
            assert!(!is_low(ends, threshold, false), "{threshold}");
        }
    }
}
