//! The best hits of a query, in the order it asks for.

use std::collections::BinaryHeap;

use tantivy::{DocId, Score};
use uuid::Uuid;

/// A hit's place in the order of the query before ties are broken: the lowest comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// First by how it matches the words, whatever the order,
    tier: u8,
    /// then, by relevance, by whether none of it is in stock,
    is_sold_out: bool,
    /// then by what the query orders by.
    key: u64,
}

impl Rank {
    /// Of queries that prefer nothing.
    pub const EQUAL: Rank = Rank::of(0);
    const LAST: Rank = Rank::of(u64::MAX);

    const fn of(key: u64) -> Rank {
        Rank { tier: 0, is_sold_out: false, key }
    }

    /// The same behind all of the tiers before.
    pub fn in_tier(self, tier: u8) -> Rank {
        Rank { tier, ..self }
    }

    /// The same behind all of the tier that can be bought.
    pub fn sold_out(self) -> Rank {
        Rank { is_sold_out: true, ..self }
    }

    /// Higher scores first. Scores are never below zero, so their bits are in their order.
    pub fn by_score(score: Score) -> Rank {
        Rank::of(!u64::from(score.to_bits()))
    }

    /// As the cursor of a page has it, together with the last tier that was looked at: this is the one place that knows how.
    pub fn to_cursor(self, widest: u8) -> u128 {
        u128::from(self.is_sold_out) << 80
            | u128::from(widest) << 72
            | u128::from(self.tier) << 64
            | u128::from(self.key)
    }

    /// From the cursor of a page.
    pub fn of_cursor(cursor: u128) -> Rank {
        Rank { tier: (cursor >> 64) as u8, is_sold_out: cursor >> 80 & 1 == 1, key: cursor as u64 }
    }

    /// The last tier that was looked at, from the cursor of a page.
    pub fn widest_of_cursor(cursor: u128) -> u8 {
        (cursor >> 72) as u8
    }

    /// The score it was made of.
    pub fn score(self) -> Score {
        Score::from_bits(!self.key as u32)
    }

    /// Lower amounts first, nothing last.
    pub fn by_lowest(amount: Option<i64>) -> Rank {
        amount.map_or(Rank::LAST, |amount| Rank::of(in_order(amount)))
    }

    /// Higher amounts first, nothing last.
    pub fn by_highest(amount: Option<i64>) -> Rank {
        amount.map_or(Rank::LAST, |amount| Rank::of(!in_order(amount)))
    }
}

/// Both ends are left to `Rank::LAST`, which no amount of money and no instant comes near.
fn in_order(number: i64) -> u64 {
    (number as u64) ^ (1 << 63)
}

/// A document that is among the best so far.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// First by this,
    pub rank: Rank,
    /// then by this, so the order is total: no two live documents are of one product.
    pub product_id: Uuid,
    /// Where the document is.
    pub segment: usize,
    /// Where in the segment.
    pub doc: DocId,
}

/// The best so many candidates behind a place in the order.
pub struct Best {
    size: usize,
    after: Option<(Rank, Uuid)>,
    passed: u64,
    worst_first: BinaryHeap<Candidate>,
}

impl Best {
    /// Keeps the best `size` behind `after`.
    pub fn new(size: usize, after: Option<(Rank, Uuid)>) -> Best {
        Best { size, after, passed: 0, worst_first: BinaryHeap::new() }
    }

    /// Whether a candidate of that rank may be among the best, or has to be counted as passed.
    pub fn has_use_for(&self, rank: Rank) -> bool {
        self.after.is_some()
            || self.worst_first.len() < self.size
            || self.worst_first.peek().is_some_and(|worst| rank <= worst.rank)
    }

    /// Takes the candidate if it is among the best. Most are not by their rank alone, and for
    /// those it is not worth reading the product's id.
    pub fn offer(&mut self, rank: Rank, candidate: impl FnOnce() -> Candidate) {
        match self.after {
            Some((last, _)) if rank < last => self.passed += 1,
            Some((last, product_id)) if rank == last => {
                let candidate = candidate();
                if candidate.product_id <= product_id {
                    self.passed += 1;
                } else {
                    self.keep(rank, || candidate);
                }
            }
            _ => self.keep(rank, candidate),
        }
    }

    fn keep(&mut self, rank: Rank, candidate: impl FnOnce() -> Candidate) {
        if self.worst_first.len() < self.size {
            self.worst_first.push(candidate());
        } else if let Some(mut worst) = self.worst_first.peek_mut()
            && rank <= worst.rank
        {
            let candidate = candidate();
            if candidate < *worst {
                *worst = candidate;
            }
        }
    }

    /// How many candidates were not behind the place.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// The candidates from the best on.
    pub fn into_sorted(self) -> Vec<Candidate> {
        self.worst_first.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best_of(size: usize, ranks: &[(Rank, u128)]) -> Vec<u128> {
        best_after(None, size, ranks).1
    }

    /// How many are passed, and the best behind a place.
    fn best_after(
        after: Option<(Rank, u128)>,
        size: usize,
        ranks: &[(Rank, u128)],
    ) -> (u64, Vec<u128>) {
        let mut best = Best::new(size, after.map(|(rank, id)| (rank, Uuid::from_u128(id))));
        for (rank, product) in ranks.iter().copied() {
            let product_id = Uuid::from_u128(product);
            best.offer(rank, || Candidate { rank, product_id, segment: 0, doc: 0 });
        }
        let passed = best.passed();
        let sorted = best.into_sorted();
        (passed, sorted.iter().map(|candidate| candidate.product_id.as_u128()).collect())
    }

    #[test]
    fn the_best_behind_a_place_go_on_where_it_is() {
        let scores = [(1.5, 1), (0.0, 2), (7.25, 5), (7.25, 3), (7.25, 4)];
        let ranks = scores.map(|(score, product)| (Rank::by_score(score), product));
        let after = |score, id| Some((Rank::of_cursor(Rank::by_score(score).to_cursor(2)), id));
        assert_eq!(best_after(after(7.25, 3), 2, &ranks), (1, vec![4, 5]));
        assert_eq!(best_after(after(7.25, 5), 9, &ranks), (3, vec![1, 2]));
        // The product of that place is gone.
        assert_eq!(best_after(after(3.0, 9), 1, &ranks), (3, vec![1]));
        assert_eq!(best_after(after(0.0, 2), 9, &ranks), (5, vec![]));
    }

    #[test]
    fn best_come_first_and_ties_go_by_product() {
        let scores = [(1.5, 1), (0.0, 2), (7.25, 5), (7.25, 3), (7.25, 4)];
        let ranks = scores.map(|(score, product)| (Rank::by_score(score), product));
        assert_eq!(best_of(9, &ranks), [3, 4, 5, 1, 2]);
        assert_eq!(best_of(2, &ranks), [3, 4]);
        assert_eq!(best_of(0, &ranks), []);
        assert_eq!(Rank::by_score(7.25).score(), 7.25);
    }

    #[test]
    fn what_is_sold_out_comes_behind_its_tier_and_before_the_next() {
        let rank = |tier, score| Rank::by_score(score).in_tier(tier);
        let ranks = [
            (rank(0, 9.0).sold_out(), 1),
            (rank(0, 1.0), 2),
            (rank(1, 9.0), 3),
            (rank(0, 2.0).sold_out(), 4),
        ];
        assert_eq!(best_of(9, &ranks), [2, 1, 4, 3]);
        for (rank, _) in ranks {
            let cursor = rank.to_cursor(2);
            assert!(Rank::of_cursor(cursor) == rank && Rank::widest_of_cursor(cursor) == 2);
        }
    }

    #[test]
    fn products_without_an_amount_are_last_in_either_order() {
        let amounts = [(Some(0), 1), (None, 2), (Some(i64::MAX - 1), 3), (Some(5), 4)];
        assert_eq!(best_of(9, &amounts.map(|(it, id)| (Rank::by_lowest(it), id))), [1, 4, 3, 2]);
        assert_eq!(best_of(9, &amounts.map(|(it, id)| (Rank::by_highest(it), id))), [3, 4, 1, 2]);
    }
}
