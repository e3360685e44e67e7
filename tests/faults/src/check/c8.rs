//! C8: when all is quiet every projection is equal to its owner, and it never went back before.

use super::{Verdict, Violation};
use crate::history::{Entry, Projected, Version};
use std::collections::HashMap;

/// Checks the projections.
pub fn check(history: &[Entry]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut projected: HashMap<&str, i64> = HashMap::new();
    for entry in history {
        let Entry::Projected(Projected { key, version, back }) = entry else { continue };
        projected.insert(key, *version);
        if *back > 0 {
            verdict.add(Violation::Disordered, || format!("{key} went back {back} times"));
        }
    }
    for entry in history {
        let Entry::Owner(Version { key, version }) = entry else { continue };
        let found = projected.remove(key.as_str()).unwrap_or_default();
        if found != *version {
            verdict.add(Violation::Apart, || {
                format!("{key} is at v{found} in the projection, its owner has v{version}")
            });
        }
    }
    for (key, version) in projected {
        verdict.add(Violation::Invented, || format!("{key} v{version} is of no owner"));
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::good;

    fn changed(change: impl Fn(&mut Projected)) -> Verdict {
        let mut history = good();
        for entry in &mut history {
            if let Entry::Projected(row) = entry
                && row.key == "a"
            {
                change(row);
            }
        }
        check(&history)
    }

    #[test]
    fn a_good_history_passes() {
        assert!(check(&good()).is_ok());
    }

    #[test]
    fn a_projection_that_is_behind_is_found() {
        assert_eq!(changed(|row| row.version = 1).count(Violation::Apart), 1);
        let mut history = good();
        history.retain(|entry| !matches!(entry, Entry::Projected(row) if row.key == "a"));
        assert_eq!(check(&history).count(Violation::Apart), 1);
    }

    #[test]
    fn a_projection_that_went_back_is_found_even_if_it_came_forward_again() {
        assert_eq!(changed(|row| row.back = 1).count(Violation::Disordered), 1);
    }

    #[test]
    fn a_projection_of_nothing_is_found() {
        assert_eq!(changed(|row| row.key = "x".into()).count(Violation::Invented), 1);
    }
}
