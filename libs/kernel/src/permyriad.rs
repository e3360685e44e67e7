//! Percentages with two decimals as whole numbers: 1 is 0.01 %, 10,000 is 100 %.

use thiserror::Error;

const WHOLE: i64 = 10_000;

/// A percentage from 0 to 100 in ten-thousandths; 1,250 is 12.5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permyriad(u16);

/// The number is below 0 or above 10,000 (100 %); as a discount it would raise the price or make it
/// negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{given} is not between 0 and 10000 ten-thousandths")]
pub struct NotAPermyriad {
    /// The rejected number.
    pub given: i64,
}

impl Permyriad {
    /// Refuses what is not between 0 and 10,000.
    pub fn try_new(ten_thousandths: i64) -> Result<Self, NotAPermyriad> {
        match u16::try_from(ten_thousandths) {
            Ok(part) if ten_thousandths <= WHOLE => Ok(Self(part)),
            _ => Err(NotAPermyriad { given: ten_thousandths }),
        }
    }

    /// The ten-thousandths.
    pub fn get(self) -> u16 {
        self.0
    }

    /// This percentage of `minor`, rounded half up: the remaining price is rounded half down, in
    /// favor of the customer.
    pub fn discount(self, minor: i64) -> i64 {
        // The quotient and the remainder are multiplied separately, so neither product can overflow.
        let (whole, rest) = (minor / WHOLE, minor % WHOLE);
        let part = i64::from(self.0);
        whole * part + (rest * part + rest.signum() * WHOLE / 2) / WHOLE
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rounding::{self, Rounding};

    fn discount(ten_thousandths: i64, minor: i64) -> i64 {
        Permyriad::try_new(ten_thousandths).unwrap().discount(minor)
    }

    #[test]
    fn half_of_1_01_is_0_51_and_leaves_0_50() {
        assert_eq!(discount(5_000, 101), 51);
        assert_eq!(101 - discount(5_000, 101), 50);
    }

    #[test]
    fn ties_go_away_from_zero_in_both_directions() {
        assert_eq!(discount(5_000, 1), 1);
        assert_eq!(discount(5_000, -1), -1);
        assert_eq!(discount(4_999, 1), 0);
    }

    #[test]
    fn everything_and_nothing_at_the_edges_of_i64() {
        for minor in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(discount(0, minor), 0);
            assert_eq!(discount(WHOLE, minor), minor);
        }
    }

    #[test]
    fn only_0_to_10_000_is_accepted() {
        for given in [i64::MIN, -1, WHOLE + 1, i64::from(u16::MAX) + 1, i64::MAX] {
            assert_eq!(Permyriad::try_new(given), Err(NotAPermyriad { given }));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_one_division(ten_thousandths in 0..=WHOLE, minor in any::<i64>()) {
            let exact = i128::from(minor) * i128::from(ten_thousandths);
            let expected = rounding::div(exact, i128::from(WHOLE), Rounding::HalfUp).unwrap();
            prop_assert_eq!(i128::from(discount(ten_thousandths, minor)), expected);
        }
    }
}
