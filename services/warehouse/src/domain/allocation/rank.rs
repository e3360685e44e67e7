//! The order of warehouses by rules.

use super::context::{Context, Rule};
use crate::domain::warehouse::Warehouse;
use kernel::id::Id;

/// Warehouses that the rules before MIN_SPLITS leave equal, by what comes after it; the best class first. Without MIN_SPLITS each
/// warehouse is a class of its own.
pub(super) fn ranked(
    wanted: &[i64],
    table: &[Vec<i64>],
    warehouses: &[&Warehouse],
    rules: &[Rule],
    context: &Context,
) -> Vec<Vec<usize>> {
    let split = rules.iter().position(|rule| *rule == Rule::MinSplits);
    let (before, after) = match split {
        Some(at) => (&rules[..at], &rules[at + 1..]),
        None => (rules, &[][..]),
    };
    let key = |place: usize, rules: &[Rule]| -> Vec<i64> {
        rules
            .iter()
            .map(|rule| weight(*rule, warehouses[place], &table[place], wanted, context))
            .collect()
    };
    let last = |place: usize| -> (i64, Id<Warehouse>) {
        (-i64::from(warehouses[place].values.priority), warehouses[place].head.id)
    };
    let mut order: Vec<(Vec<i64>, Vec<i64>, usize)> =
        (0..warehouses.len()).map(|place| (key(place, before), key(place, after), place)).collect();
    order.sort_by(|left, right| {
        let (own, other) = ((&left.0, &left.1, last(left.2)), (&right.0, &right.1, last(right.2)));
        own.cmp(&other)
    });
    let mut classes: Vec<Vec<usize>> = Vec::new();
    let mut previous: Option<&Vec<i64>> = None;
    for (before, _, place) in &order {
        match classes.last_mut().filter(|_| split.is_some() && previous == Some(before)) {
            Some(class) => class.push(*place),
            None => classes.push(vec![*place]),
        }
        previous = Some(before);
    }
    classes
}

/// What a rule says of a warehouse: less is better.
fn weight(
    rule: Rule,
    warehouse: &Warehouse,
    offers: &[i64],
    wanted: &[i64],
    context: &Context,
) -> i64 {
    let values = &warehouse.values;
    match rule {
        Rule::Preferred => {
            let place = context.preferred.iter().position(|own| *own == warehouse.head.id);
            place_or_last(place)
        }
        Rule::SameCountry => {
            let to = &context.to.country;
            i64::from(!to.is_empty() && *to != values.address.country)
        }
        Rule::Distance => match (context.to.point, values.point) {
            (Some(to), Some(own)) => own.meters_to(to),
            _ => i64::MAX,
        },
        Rule::LowestCost => values.shipment_cost_minor,
        Rule::HighestStock => {
            let of_wanted = offers.iter().zip(wanted).filter(|(_, wanted)| **wanted > 0);
            -of_wanted.map(|(offer, _)| offer).sum::<i64>()
        }
        Rule::Priority => -i64::from(values.priority),
        // It ranks sets.
        Rule::MinSplits => 0,
    }
}

fn place_or_last(place: Option<usize>) -> i64 {
    place.and_then(|place| i64::try_from(place).ok()).unwrap_or(i64::MAX)
}
