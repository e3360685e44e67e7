//! Which of the ranked warehouses ship how much.

/// Sets of warehouses that are tried; with more of them the set is made by taking the warehouse that serves most, again and again.
const MAX_TRIED: usize = 20_000;

/// Units by warehouse and need: each class serves what it can before the next one does.
pub(super) fn fill(wanted: &[i64], table: &[Vec<i64>], classes: &[Vec<usize>]) -> Vec<Vec<i64>> {
    let mut left = wanted.to_vec();
    let mut taken = vec![vec![0; wanted.len()]; table.len()];
    for class in classes {
        let served: Vec<i64> = (0..left.len())
            .map(|need| left[need].min(class.iter().map(|place| table[*place][need]).sum()))
            .collect();
        if served.iter().all(|units| *units == 0) {
            continue;
        }
        let set = smallest(&served, table, class);
        for (need, units) in served.iter().enumerate() {
            share(need, *units, table, &set, &mut taken);
            left[need] -= units;
        }
    }
    taken
}

/// Takes units of a need from one warehouse where one has them all, else from one after the other.
fn share(need: usize, units: i64, table: &[Vec<i64>], set: &[usize], taken: &mut [Vec<i64>]) {
    if let Some(whole) = set.iter().find(|place| table[**place][need] >= units) {
        taken[*whole][need] += units;
        return;
    }
    let mut left = units;
    for place in set {
        let own = left.min(table[*place][need]);
        taken[*place][need] += own;
        left -= own;
    }
}

/// The smallest set of warehouses of a class that serves these units; of several the first by rank.
fn smallest(served: &[i64], table: &[Vec<i64>], class: &[usize]) -> Vec<usize> {
    let useful: Vec<usize> = class
        .iter()
        .copied()
        .filter(|place| {
            served.iter().zip(&table[*place]).any(|(units, own)| *units > 0 && *own > 0)
        })
        .collect();
    let mut tried = 0;
    for size in 1..=useful.len() {
        let mut search = Search { table, useful: &useful, tried: &mut tried };
        match search.of_size(size, 0, &mut Vec::new(), served) {
            Found::Set(set) => return set,
            Found::None => {}
            Found::TooMany => break,
        }
    }
    greedy(served, table, &useful)
}

enum Found {
    Set(Vec<usize>),
    None,
    TooMany,
}

struct Search<'s> {
    table: &'s [Vec<i64>],
    useful: &'s [usize],
    tried: &'s mut usize,
}

impl Search<'_> {
    /// The first set of this size by rank, beginning with `set`, that serves what is `left`.
    fn of_size(&mut self, size: usize, from: usize, set: &mut Vec<usize>, left: &[i64]) -> Found {
        *self.tried += 1;
        if *self.tried > MAX_TRIED {
            return Found::TooMany;
        }
        if left.iter().all(|units| *units <= 0) {
            return Found::Set(set.clone());
        }
        if set.len() == size {
            return Found::None;
        }
        for index in from..self.useful.len() {
            let place = self.useful[index];
            let rest: Vec<i64> =
                left.iter().zip(&self.table[place]).map(|(units, own)| units - own).collect();
            set.push(place);
            let found = self.of_size(size, index + 1, set, &rest);
            set.pop();
            if !matches!(found, Found::None) {
                return found;
            }
        }
        Found::None
    }
}

fn greedy(served: &[i64], table: &[Vec<i64>], useful: &[usize]) -> Vec<usize> {
    let mut left = served.to_vec();
    let mut set: Vec<usize> = Vec::new();
    while left.iter().any(|units| *units > 0) {
        let gain = |place: usize| -> i64 {
            left.iter().zip(&table[place]).map(|(units, own)| (*units).min(*own).max(0)).sum()
        };
        let rest = useful.iter().copied().filter(|place| !set.contains(place));
        // Of several that serve as much the first by rank: `max_by_key` would return the last.
        let Some(best) =
            rest.rev().max_by_key(|place| gain(*place)).filter(|place| gain(*place) > 0)
        else {
            break;
        };
        left.iter_mut().zip(&table[best]).for_each(|(units, own)| *units -= own);
        set.push(best);
    }
    set.sort_by_key(|place| useful.iter().position(|own| own == place));
    set
}
