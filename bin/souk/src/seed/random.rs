//! SplitMix64 (Steele, Lea, Flood 2014), implemented here so that the numbers never change with a dependency.

/// A sequence of numbers.
pub struct Random(u64);

impl Random {
    /// The sequence for one product and one purpose, independent of all others.
    pub fn of(seed: u64, number: u32, purpose: u64) -> Self {
        let mut start = Self(seed);
        let start = start.next() ^ (u64::from(number) << 8) ^ purpose;
        Self(Self(start).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `end`; 0 if `end` is 0. The modulo bias is negligible here.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = usize::try_from(most.saturating_sub(least)).unwrap_or_default();
        least + i64::try_from(self.below(span + 1)).unwrap_or_default()
    }

    /// True with this probability in percent.
    pub fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    /// One of a list.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }

    /// One of some texts.
    pub fn word(&mut self, list: &[&'static str]) -> &'static str {
        self.pick(list).copied().unwrap_or_default()
    }

    /// `count` elements of a list, in the order of the list.
    pub fn some<T: Copy>(&mut self, list: &[T], count: usize) -> Vec<T> {
        let mut left = count.min(list.len());
        let mut chosen = Vec::with_capacity(left);
        for (at, item) in list.iter().enumerate() {
            if self.below(list.len() - at) < left {
                chosen.push(*item);
                left -= 1;
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_the_reference_implementation() {
        let mut random = Random(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn some_of_a_list_are_so_many_and_differ() {
        for number in 0..100 {
            let chosen = Random::of(1, number, 0).some(&[1, 2, 3, 4, 5], 3);
            assert!(chosen.len() == 3 && chosen.is_sorted_by(|a, b| a < b), "{chosen:?}");
        }
        assert_eq!(Random::of(1, 1, 0).some(&[1, 2], 5), [1, 2]);
    }
}
