//! Explains for each row why it was or was not chosen.

use crate::price::{PriceContext, PriceRow, Verdict, select, select::Rank, verdict::ruled_out};

/// One verdict per row, in the order given. Exactly the row that [`select`] returns is
/// [`Verdict::Chosen`].
pub fn explain<S: PartialEq>(rows: &[PriceRow<S>], context: &PriceContext<'_, S>) -> Vec<Verdict> {
    let winner = select(rows, context);
    let verdict = |row: &PriceRow<S>| {
        let beaten_by = winner.filter(|winner| !std::ptr::eq(*winner, row));
        match (ruled_out(row, context), beaten_by) {
            (Some(verdict), _) => verdict,
            (None, Some(winner)) => lost(Rank::of(row), Rank::of(winner)),
            (None, None) => Verdict::Chosen,
        }
    };
    rows.iter().map(verdict).collect()
}

fn lost(loser: Rank, winner: Rank) -> Verdict {
    if loser.level != winner.level {
        Verdict::ProductLevelShadowed
    } else if loser.score != winner.score {
        Verdict::LessSpecific { score: loser.score.0, winner_score: winner.score.0 }
    } else if loser.is_undated != winner.is_undated {
        Verdict::UndatedBesideDated
    } else if loser.amount != winner.amount {
        Verdict::DearerAtSameLevel
    } else {
        Verdict::HigherId
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::price::{
        Dimension, Level,
        samples::{context_with, currency, question, row_with, rows, second, window},
    };

    fn winner() -> PriceRow<u32> {
        row_with(1, |row| {
            row.scope.warehouse = Some(3);
            row.window = window(Some(50), None);
        })
    }

    /// The verdict on a plain row after `change`, next to a dated row of the warehouse of the context.
    fn verdict(change: impl FnOnce(&mut PriceRow<u32>)) -> Verdict {
        let context = context_with(|context| {
            context.warehouse = Some(&3);
            context.at = second(50);
        });
        let [verdict, other] = explain(&[row_with(2, change), winner()], &context)[..] else {
            panic!("one verdict per row");
        };
        assert_eq!(other, Verdict::Chosen);
        verdict
    }

    #[test]
    fn an_ineligible_row_gets_the_rule_that_excludes_it() {
        let foreign = verdict(|row| row.currency = currency("EUR"));
        assert_eq!(foreign, Verdict::OtherCurrency);

        let from = second(51);
        let ahead = verdict(|row| row.window = window(Some(51), None));
        assert_eq!(ahead, Verdict::NotYetValid { from });

        let until = second(50);
        let over = verdict(|row| row.window = window(None, Some(50)));
        assert_eq!(over, Verdict::NoLongerValid { until });

        let which = Dimension::Country;
        let elsewhere = verdict(|row| row.scope.country = Some(9));
        assert_eq!(elsewhere, Verdict::ScopeMismatch { which });
    }

    #[test]
    fn an_eligible_row_gets_the_first_rule_that_it_lost_by() {
        let of_product = verdict(|row| row.level = Level::Product);
        assert_eq!(of_product, Verdict::ProductLevelShadowed);

        let unscoped = Verdict::LessSpecific { score: 0, winner_score: 4 };
        assert_eq!(verdict(|_| ()), unscoped);

        let undated = verdict(|row| row.scope = winner().scope);
        assert_eq!(undated, Verdict::UndatedBesideDated);

        let like_winner = |row: &mut PriceRow<u32>| {
            row.scope = winner().scope;
            row.window = winner().window;
        };
        assert_eq!(verdict(like_winner), Verdict::HigherId);

        let dearer = verdict(|row| {
            like_winner(row);
            row.base += 1;
        });
        assert_eq!(dearer, Verdict::DearerAtSameLevel);
    }

    proptest! {
        #[test]
        fn exactly_the_selected_row_is_chosen(rows in rows(), question in question()) {
            let context = question.context();
            let verdicts = explain(&rows, &context);
            prop_assert_eq!(verdicts.len(), rows.len());

            let selected = select(&rows, &context);
            for (row, verdict) in rows.iter().zip(verdicts) {
                prop_assert_eq!(verdict == Verdict::Chosen, Some(row) == selected);
            }
        }
    }
}
