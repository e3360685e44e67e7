use super::*;
use crate::domain::samples::{sku, warehouse};
use crate::domain::warehouse::Point;
use proptest::prelude::*;

/// Warehouses of these codes with units of A, B, ….
struct Shop {
    warehouses: Vec<Warehouse>,
    units: Vec<Vec<i64>>,
}

const SKUS: [&str; 3] = ["A", "B", "C"];

fn shop(own: &[(&str, &[i64])]) -> Shop {
    Shop {
        warehouses: own.iter().map(|(code, _)| warehouse(code)).collect(),
        units: own.iter().map(|(_, units)| units.to_vec()).collect(),
    }
}

impl Shop {
    fn allocate(
        &self,
        needs: &[Need],
        context: &Context,
    ) -> Result<Vec<(String, String, i64)>, Fault> {
        let picks = allocate(needs, &self.places(needs), context)?;
        let code = |id| &self.warehouses.iter().find(|own| own.head.id == id).unwrap().values.code;
        let mut named: Vec<_> = picks
            .iter()
            .map(|pick| {
                (code(pick.warehouse_id).clone(), needs[pick.need].sku.to_string(), pick.quantity)
            })
            .collect();
        named.sort();
        Ok(named)
    }

    fn places(&self, needs: &[Need]) -> Vec<Place<'_>> {
        let units = |own: &[i64], need: &Need| {
            let index = SKUS.iter().position(|sku| need.sku.as_str() == *sku).unwrap();
            own.get(index).map(|units| Offer {
                stock_id: Id::from_uuid(uuid::Uuid::nil()),
                available: *units,
                sellable: *units,
            })
        };
        let place = |(warehouse, own): (_, &Vec<i64>)| Place {
            warehouse,
            offers: needs.iter().map(|need| units(own, need)).collect(),
        };
        self.warehouses.iter().zip(&self.units).map(place).collect()
    }
}

fn needs(own: &[(&str, i64)]) -> Vec<Need> {
    let need = |(place, (name, quantity)): (usize, &(&str, i64))| Need {
        sku: sku(name),
        warehouse_id: None,
        quantity: *quantity,
        path: format!("lines[{place}]"),
    };
    own.iter().enumerate().map(need).collect()
}

fn by(rules: &[Rule]) -> Context {
    Context { rules: rules.to_vec(), ..Context::default() }
}

fn ships(own: &[(&str, &str, i64)]) -> Vec<(String, String, i64)> {
    own.iter().map(|(code, sku, units)| ((*code).into(), (*sku).into(), *units)).collect()
}

#[test]
fn the_fewest_warehouses_ship() {
    let wanted = needs(&[("A", 2), ("B", 1)]);
    let all = shop(&[("W1", &[5]), ("W2", &[1, 5]), ("W3", &[2, 1])]);
    let split = by(&[Rule::MinSplits]);
    assert_eq!(all.allocate(&wanted, &split).unwrap(), ships(&[("W3", "A", 2), ("W3", "B", 1)]));
    let two = shop(&[("W1", &[5]), ("W2", &[1, 5])]);
    assert_eq!(two.allocate(&wanted, &split).unwrap(), ships(&[("W1", "A", 2), ("W2", "B", 1)]));
    let unsplit = Context { max_shipments: Some(1), ..split };
    let fault = two.allocate(&wanted, &unsplit).unwrap_err();
    assert!(fault.is(Reason::CannotAllocateUnsplit), "{fault}");
    assert_eq!(fault.metadata()["shipments"], "2");
    assert!(all.allocate(&wanted, &unsplit).is_ok());
}

#[test]
fn one_line_is_split_where_nobody_has_all_of_it() {
    let own = shop(&[("W1", &[1]), ("W2", &[1])]);
    let split = ships(&[("W1", "A", 1), ("W2", "A", 1)]);
    assert_eq!(own.allocate(&needs(&[("A", 2)]), &Context::default()).unwrap(), split);
}

#[test]
fn every_short_line_is_named_with_what_is_available() {
    let own = shop(&[("W1", &[1, 9]), ("W2", &[1, 9])]);
    let wanted = needs(&[("A", 3), ("B", 2), ("C", 1)]);
    let fault = own.allocate(&wanted, &Context::default()).unwrap_err();
    assert!(fault.is(Reason::InsufficientStock));
    let fields: Vec<&str> = fault.violations().iter().map(|own| own.field.as_str()).collect();
    assert_eq!(fields, ["lines[0].quantity", "lines[2].quantity"]);
    assert_eq!(fault.metadata()["available"], "2");
    assert_eq!(fault.metadata()["sku"], "A");
}

#[test]
fn a_rule_decides_what_the_one_before_left_equal() {
    let mut own = shop(&[("W1", &[9]), ("W2", &[9]), ("W3", &[9])]);
    let country = |own: &mut Warehouse, code: &str| own.values.address.country = code.into();
    country(&mut own.warehouses[0], "DE");
    country(&mut own.warehouses[1], "RS");
    country(&mut own.warehouses[2], "RS");
    own.warehouses[2].values.shipment_cost_minor = -0;
    own.warehouses[1].values.shipment_cost_minor = 500;
    let mut context = by(&[Rule::SameCountry, Rule::LowestCost]);
    context.to.country = "RS".into();
    let wanted = needs(&[("A", 1)]);
    assert_eq!(own.allocate(&wanted, &context).unwrap(), ships(&[("W3", "A", 1)]));
    context.rules = vec![Rule::LowestCost, Rule::SameCountry];
    own.warehouses[2].values.shipment_cost_minor = 900;
    assert_eq!(own.allocate(&wanted, &context).unwrap(), ships(&[("W1", "A", 1)]));
    own.warehouses[1].values.priority = 7;
    context.rules = vec![Rule::HighestStock];
    assert_eq!(own.allocate(&wanted, &context).unwrap(), ships(&[("W2", "A", 1)]), "priority");
    context.rules = vec![Rule::Preferred];
    context.preferred = vec![own.warehouses[0].head.id];
    assert_eq!(own.allocate(&wanted, &context).unwrap(), ships(&[("W1", "A", 1)]));
}

#[test]
fn the_nearest_ships_and_who_is_nowhere_last() {
    let mut own = shop(&[("W1", &[1]), ("W2", &[9]), ("W3", &[9])]);
    let at = |latitude, longitude| Some(Point { latitude, longitude });
    own.warehouses[1].values.point = at(52.52, 13.405);
    own.warehouses[2].values.point = at(44.8, 20.46);
    let mut context = by(&[Rule::Distance]);
    context.to.point = at(45.25, 19.84);
    assert_eq!(own.allocate(&needs(&[("A", 9)]), &context).unwrap(), ships(&[("W3", "A", 9)]));
    let split = ships(&[("W1", "A", 1), ("W2", "A", 9), ("W3", "A", 9)]);
    assert_eq!(own.allocate(&needs(&[("A", 19)]), &context).unwrap(), split);
}

#[test]
fn preferred_before_fewest_prefers_and_fewest_before_preferred_does_not_split() {
    let own = shop(&[("W1", &[2]), ("W2", &[2, 1]), ("W3", &[0, 1])]);
    let wanted = needs(&[("A", 2), ("B", 1)]);
    let preferred = vec![own.warehouses[0].head.id];
    let context = |rules: &[Rule]| Context { preferred: preferred.clone(), ..by(rules) };
    let taken = own.allocate(&wanted, &context(&[Rule::Preferred, Rule::MinSplits])).unwrap();
    assert_eq!(taken, ships(&[("W1", "A", 2), ("W2", "B", 1)]));
    let taken = own.allocate(&wanted, &context(&[Rule::MinSplits, Rule::Preferred])).unwrap();
    assert_eq!(taken, ships(&[("W2", "A", 2), ("W2", "B", 1)]));
}

#[test]
fn a_line_that_names_its_warehouse_is_served_there_first() {
    let own = shop(&[("W1", &[2]), ("W2", &[2])]);
    let mut wanted = needs(&[("A", 2), ("A", 2)]);
    wanted[1].warehouse_id = Some(own.warehouses[0].head.id);
    let taken = own.allocate(&wanted, &Context::default()).unwrap();
    assert_eq!(taken, ships(&[("W1", "A", 2), ("W2", "A", 2)]));
    wanted[1].quantity = 3;
    let fault = own.allocate(&wanted, &Context::default()).unwrap_err();
    assert_eq!(fault.violations()[0].field, "lines[1].quantity");
}

#[test]
fn backorders_serve_what_is_not_there() {
    let own = shop(&[("W1", &[1])]);
    let wanted = needs(&[("A", 3)]);
    let mut places = own.places(&wanted);
    places[0].offers[0].as_mut().unwrap().sellable = 5;
    let picks = allocate(&wanted, &places, &Context::default()).unwrap();
    assert_eq!((picks[0].quantity, picks[0].backordered), (3, 2));
}

#[test]
fn lines_of_one_sku_are_added_up() {
    let sums = summed(needs(&[("A", 2), ("B", 1), ("A", 3)]));
    let quantities: Vec<_> = sums.iter().map(|need| (need.sku.as_str(), need.quantity)).collect();
    assert_eq!(quantities, [("A", 5), ("B", 1)]);
    assert_eq!(sums[0].path, "lines[0]");
}

#[test]
fn hundreds_of_warehouses_with_one_unit_each_are_enough() {
    let units: [i64; 1] = [1];
    let codes: Vec<String> = (0..300).map(|number| format!("W{number:03}")).collect();
    let own: Vec<(&str, &[i64])> = codes.iter().map(|code| (code.as_str(), &units[..])).collect();
    let taken = shop(&own).allocate(&needs(&[("A", 150)]), &Context::default()).unwrap();
    assert_eq!(taken.iter().map(|(_, _, units)| units).sum::<i64>(), 150);
}

proptest! {
    /// Everything is served, by nobody more than it has, and never by more warehouses than the fewest that can.
    #[test]
    fn all_is_served_within_what_there_is(
        stock in prop::collection::vec(prop::collection::vec(0_i64..5, 3), 1..6),
        wanted in prop::collection::vec(1_i64..6, 3),
    ) {
        let codes: Vec<String> = (0..stock.len()).map(|number| format!("W{number}")).collect();
        let own: Vec<(&str, &[i64])> =
            codes.iter().map(String::as_str).zip(stock.iter().map(Vec::as_slice)).collect();
        let own = shop(&own);
        let needs = needs(&[("A", wanted[0]), ("B", wanted[1]), ("C", wanted[2])]);
        let enough = (0..3).all(|need| stock.iter().map(|own| own[need]).sum::<i64>() >= wanted[need]);
        let answer = allocate(&needs, &own.places(&needs), &by(&[Rule::MinSplits]));
        prop_assert_eq!(answer.is_ok(), enough);
        let Ok(picks) = answer else { return Ok(()) };
        for (need, units) in wanted.iter().enumerate() {
            let sum: i64 = picks.iter().filter(|own| own.need == need).map(|own| own.quantity).sum();
            prop_assert_eq!(sum, *units);
        }
        let place = |id| own.warehouses.iter().position(|own| own.head.id == id).unwrap();
        for pick in &picks {
            prop_assert!(pick.quantity <= stock[place(pick.warehouse_id)][pick.need]);
        }
        let used: BTreeSet<usize> = picks.iter().map(|pick| place(pick.warehouse_id)).collect();
        let fewest = (1_usize..1 << stock.len())
            .filter(|set| (0..3).all(|need| {
                let own = (0..stock.len()).filter(|place| set >> place & 1 == 1);
                own.map(|place| stock[place][need]).sum::<i64>() >= wanted[need]
            }))
            .map(|set| set.count_ones())
            .min();
        prop_assert_eq!(Some(used.len() as u32), fewest);
    }
}
