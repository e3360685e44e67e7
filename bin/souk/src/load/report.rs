//! Puts refused rows in the order of their lines. Chunks are read ahead of their answers, so a later row may be refused first.

use super::Refused;

/// Most refusals that wait for the answers to earlier rows: a file of nothing but bad rows must not fill the memory.
const MAX_HELD: usize = 10_000;

/// Refused rows that are not reported yet.
#[derive(Debug, Default)]
pub struct Report {
    held: Vec<Refused>,
}

impl Report {
    /// Adds a refused row. Returns those to report now: all, where too many wait.
    pub fn add(&mut self, why: Refused) -> Vec<Refused> {
        self.held.push(why);
        if self.held.len() < MAX_HELD { Vec::new() } else { self.settle(u64::MAX) }
    }

    /// What became of every row up to `line` is known; returns those of them that were refused.
    pub fn settle(&mut self, line: u64) -> Vec<Refused> {
        self.held.sort_by_key(|own| own.line);
        let settled = self.held.partition_point(|own| own.line <= line);
        self.held.drain(..settled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: u64) -> Refused {
        let (key, reason, message) = Default::default();
        Refused { line, key, reason, message }
    }

    fn lines(refused: &[Refused]) -> Vec<u64> {
        refused.iter().map(|own| own.line).collect()
    }

    #[test]
    fn a_refusal_waits_for_those_of_earlier_lines() {
        let mut report = Report::default();
        for line in [2, 7, 9, 4, 3] {
            assert_eq!(report.add(refused(line)), []);
        }
        assert_eq!(lines(&report.settle(5)), [2, 3, 4]);
        report.add(refused(6));
        assert_eq!(lines(&report.settle(u64::MAX)), [6, 7, 9]);
        assert_eq!(report.settle(u64::MAX), []);
    }

    #[test]
    fn only_so_many_wait() {
        let mut report = Report::default();
        let early = (1..MAX_HELD as u64).map(|line| report.add(refused(line)).len());
        assert_eq!(early.max(), Some(0));
        assert_eq!(report.add(refused(0)).len(), MAX_HELD);
    }
}
