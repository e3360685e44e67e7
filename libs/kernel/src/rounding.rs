//! Division with rounding. Other code that divides amounts should use it, or be tested against it as
//! `Permyriad::discount` is.

use std::cmp::Ordering;

/// How an exact result half-way between two minor units is rounded. All modes are symmetric around
/// zero, so that a refund equals its charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rounding {
    /// Ties go to the even neighbour: 0.5 → 0, 1.5 → 2, -1.5 → -2. The default, because the errors
    /// of many roundings cancel out.
    #[default]
    HalfEven,
    /// Ties go away from zero: 0.5 → 1, -0.5 → -1.
    HalfUp,
    /// Ties go towards zero: 0.5 → 0, -0.5 → 0.
    HalfDown,
}

/// `numerator / denominator`, rounded to a whole number. `None` if the denominator is zero or the
/// result does not fit, which only happens for `i128::MIN / -1`.
pub fn div(numerator: i128, denominator: i128, rounding: Rounding) -> Option<i128> {
    // Calculates with absolute values: the modes are symmetric around zero, and the absolute value of
    // `i128::MIN` only fits an unsigned number.
    let (dividend, divisor) = (numerator.unsigned_abs(), denominator.unsigned_abs());
    let whole = dividend.checked_div(divisor)?;
    let rest = dividend % divisor;
    let magnitude = whole + u128::from(rounds_up(whole, rest, divisor, rounding));

    if (numerator < 0) == (denominator < 0) {
        i128::try_from(magnitude).ok()
    } else {
        0i128.checked_sub_unsigned(magnitude)
    }
}

fn rounds_up(whole: u128, rest: u128, divisor: u128, rounding: Rounding) -> bool {
    // `divisor - rest` instead of `2 * rest`, which could overflow.
    match rest.cmp(&(divisor - rest)) {
        Ordering::Less => false,
        Ordering::Greater => true,
        Ordering::Equal => match rounding {
            Rounding::HalfEven => whole % 2 == 1,
            Rounding::HalfUp => true,
            Rounding::HalfDown => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Rounding::{HalfDown, HalfEven, HalfUp},
        *,
    };

    #[test]
    fn halves_in_every_mode() {
        // (n, n / 2 rounded [half even, half up, half down])
        let table = [
            (1, [0, 1, 0]),
            (3, [2, 2, 1]),
            (5, [2, 3, 2]),
            (-1, [0, -1, 0]),
            (-3, [-2, -2, -1]),
            (-5, [-2, -3, -2]),
        ];
        for (numerator, expected) in table {
            assert_eq!(
                [HalfEven, HalfUp, HalfDown].map(|mode| div(numerator, 2, mode)),
                expected.map(Some),
                "{numerator}/2"
            );
        }
    }

    #[test]
    fn the_edges_of_i128() {
        for mode in [HalfEven, HalfUp, HalfDown] {
            assert_eq!(div(1, 0, mode), None);
            assert_eq!(div(i128::MIN, -1, mode), None);
            assert_eq!(div(i128::MIN, 1, mode), Some(i128::MIN));
            assert_eq!(div(i128::MIN, i128::MIN, mode), Some(1));
            assert_eq!(div(i128::MAX, i128::MIN, mode), Some(-1));
        }
        assert_eq!(div(i128::MIN, -2, HalfEven), Some(1 << 126));
    }

    fn any_mode() -> impl Strategy<Value = Rounding> {
        prop_oneof![Just(HalfEven), Just(HalfUp), Just(HalfDown)]
    }

    /// `i64` values, so that the products that the tests calculate fit into `i128`.
    fn any_i64() -> impl Strategy<Value = i128> {
        any::<i64>().prop_map(i128::from)
    }

    proptest! {
        #[test]
        fn never_further_than_half_a_unit(n in any_i64(), d in any_i64(), mode in any_mode()) {
            prop_assume!(d != 0);
            let error = n - div(n, d, mode).unwrap() * d;
            prop_assert!(2 * error.abs() <= d.abs());
        }

        #[test]
        fn a_negative_amount_is_a_mirror_image(n in any_i64(), d in any_i64(), mode in any_mode()) {
            let mirrored = div(n, d, mode).map(|quotient| -quotient);
            prop_assert_eq!(div(-n, d, mode), mirrored);
            prop_assert_eq!(div(n, -d, mode), mirrored);
        }
    }
}
