//! Splits an amount over lines, or a line's share over its units, so that the shares add up to it
//! exactly.

use std::cmp::Reverse;

use thiserror::Error;

/// Why an amount cannot be split: a share is at least 0 and at most its line, so neither the amount
/// nor a weight may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AllocateError {
    /// The amount is negative. To split a refund, split its positive amount and negate the shares.
    #[error("{amount} cannot be split; only an amount of zero or more can")]
    NegativeAmount {
        /// The amount.
        amount: i64,
    },
    /// A weight is negative.
    #[error("line {index} has the negative weight {weight}")]
    NegativeWeight {
        /// Index of the first such line.
        index: usize,
        /// Its weight.
        weight: i64,
    },
}

/// Splits `amount` in proportion to `weights` (the lines' own amounts) by largest remainder: each
/// line gets the floor of its exact share, then the cents left over go one each to the largest
/// fractional parts; ties to the larger weight, then to the lower index.
///
/// An amount above the sum of the weights is clamped to it first. The shares add up to the
/// (clamped) amount, no share is negative or above its line's weight, and a line of weight zero
/// gets nothing. The same input always gives the same shares.
pub fn allocate(amount: i64, weights: &[i64]) -> Result<Vec<i64>, AllocateError> {
    refuse_negatives(amount, weights)?;
    let sum: i128 = weights.iter().copied().map(i128::from).sum();
    if sum == 0 {
        return Ok(vec![0; weights.len()]);
    }
    let amount = i128::from(amount).min(sum);

    let exact = |weight: i64| amount * i128::from(weight);
    // As amount <= sum, no share exceeds its weight, which is an i64: the cast loses nothing.
    let mut shares: Vec<i64> = weights.iter().map(|&weight| (exact(weight) / sum) as i64).collect();

    let given: i128 = shares.iter().copied().map(i128::from).sum();
    // The fractional parts add up to this many cents and each is below one, so at least as many
    // lines have one: no line gets a second cent, and a line already at its weight, which has no
    // fraction, gets none.
    let left_over = (amount - given) as usize;
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_cached_key(|&index| {
        let weight = weights[index];
        (Reverse(exact(weight) % sum), Reverse(weight), index)
    });
    for &index in &by_remainder[..left_over] {
        shares[index] += 1;
    }
    Ok(shares)
}

fn refuse_negatives(amount: i64, weights: &[i64]) -> Result<(), AllocateError> {
    if amount < 0 {
        return Err(AllocateError::NegativeAmount { amount });
    }
    match (0..).zip(weights).find(|(_, weight)| **weight < 0) {
        Some((index, &weight)) => Err(AllocateError::NegativeWeight { index, weight }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<const N: usize>(amount: i64, weights: [i64; N], expected: [i64; N]) {
        assert_eq!(allocate(amount, &weights).unwrap(), expected, "{amount} over {weights:?}");
    }

    #[test]
    fn worked_examples() {
        check(100, [100, 100, 100], [34, 33, 33]); // equal remainders: the lower index
        check(1, [10, 20, 10], [0, 1, 0]); // the largest fraction
        check(1, [1, 3], [0, 1]);
        check(2, [3, 1, 3, 1], [1, 0, 1, 0]);
        check(1, [50, 0, 50], [1, 0, 0]);
        check(0, [5, 7], [0, 0]);
        check(12, [5, 7], [5, 7]);
        check(99, [5, 7], [5, 7]); // clamped to the sum
        check(7, [0, 0], [0, 0]); // no line can take anything
        check(7, [], []);
    }

    #[test]
    fn equal_fractions_go_to_the_larger_weight() {
        // The exact shares are 0.5, 1.5 and 1.0: one cent is left over, and two fractions are 0.5.
        check(3, [2, 6, 4], [0, 2, 1]);
    }

    #[test]
    fn negatives_are_refused() {
        let check = |amount, weights: &[i64], error| {
            assert_eq!(allocate(amount, weights), Err(error));
        };
        let (index, weight) = (1, -2);
        check(-1, &[5], AllocateError::NegativeAmount { amount: -1 });
        check(1, &[5, -2, -3], AllocateError::NegativeWeight { index, weight });
    }

    #[test]
    fn the_largest_amounts_do_not_overflow() {
        check(i64::MAX, [i64::MAX], [i64::MAX]);
        let half = i64::MAX / 2;
        check(i64::MAX, [i64::MAX, i64::MAX], [half + 1, half]);
        // Exact shares: a hair above MAX - 1, and a hair below 1.
        check(i64::MAX, [i64::MAX, 1, 0], [i64::MAX - 1, 1, 0]);
    }

    /// Small numbers for ties and zeros, large ones for overflow.
    fn minor() -> impl Strategy<Value = i64> {
        prop_oneof![0..10i64, 0..100_000i64, 0..=i64::MAX]
    }

    fn weights() -> impl Strategy<Value = Vec<i64>> {
        prop::collection::vec(minor(), 0..20)
    }

    fn sum(amounts: &[i64]) -> i128 {
        amounts.iter().copied().map(i128::from).sum()
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_clamped_amount(amount in minor(), weights in weights()) {
            let shares = allocate(amount, &weights).unwrap();
            prop_assert_eq!(shares.len(), weights.len());
            prop_assert_eq!(sum(&shares), i128::from(amount).min(sum(&weights)));
        }

        #[test]
        fn every_share_lies_between_zero_and_its_weight(amount in minor(), weights in weights()) {
            let shares = allocate(amount, &weights).unwrap();
            for (share, weight) in shares.into_iter().zip(weights) {
                prop_assert!((0..=weight).contains(&share));
            }
        }

        #[test]
        fn every_share_is_less_than_a_cent_from_exact(amount in minor(), weights in weights()) {
            let (total, shares) = (sum(&weights), allocate(amount, &weights).unwrap());
            let amount = i128::from(amount).min(total);
            for (share, weight) in shares.into_iter().zip(weights) {
                let exact = amount * i128::from(weight);
                let floor = exact.checked_div(total).unwrap_or(0);
                let ceiling = floor + i128::from(floor * total < exact);
                prop_assert!((floor..=ceiling).contains(&i128::from(share)));
            }
        }

        #[test]
        fn the_same_input_gives_the_same_shares(amount in minor(), weights in weights()) {
            prop_assert_eq!(allocate(amount, &weights), allocate(amount, &weights.clone()));
        }

        #[test]
        fn reordering_lines_moves_shares_only_between_equal_lines(
            amount in minor(),
            (weights, shuffled) in weights().prop_flat_map(|weights| {
                (Just(weights.clone()), Just(weights).prop_shuffle())
            }),
        ) {
            let pairs = |weights: &[i64]| {
                let shares = allocate(amount, weights).unwrap();
                let mut pairs: Vec<_> = weights.iter().copied().zip(shares).collect();
                pairs.sort_unstable();
                pairs
            };
            prop_assert_eq!(pairs(&weights), pairs(&shuffled));
        }
    }
}
