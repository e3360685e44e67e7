//! The order of hits.

use chrono::TimeDelta;

use super::Open;
use super::fixture::{Fixture, all, color, day, product, usd};
use crate::engine::query::Sort;

pub fn by_price(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[], &[usd(300)]),
            product(2).with(&[], &[usd(100)]),
            product(3).with(&[], &[usd(200)]),
        ],
    );
    assert_eq!(fixture.find(all().in_usd().sorted(Sort::PriceAscending)), "2 3 1");
    assert_eq!(fixture.find(all().in_usd().sorted(Sort::PriceDescending)), "1 3 2");
}

pub fn by_the_cheapest_matching_variant(open: &Open) {
    let (red, blue) = (|| color("red"), || color("blue"));
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[red()], &[usd(500)]).with(&[blue()], &[usd(100)]),
            product(2).with(&[red()], &[usd(300)]).with(&[blue()], &[usd(200)]),
            product(3).with(&[red()], &[usd(250)]).with(&[red()], &[usd(240)]),
        ],
    );
    let usd_sorted = |sort| all().in_usd().sorted(sort);
    assert_eq!(
        fixture.show(usd_sorted(Sort::PriceAscending)),
        "1 (1002 at 100), 2 (2002 at 200), 3 (3002 at 240)"
    );
    assert_eq!(
        fixture.show(usd_sorted(Sort::PriceAscending).only(red())),
        "3 (3002 at 240), 2 (2001 at 300), 1 (1001 at 500)"
    );
    assert_eq!(
        fixture.show(usd_sorted(Sort::PriceDescending).only(red())),
        "1 (1001 at 500), 2 (2001 at 300), 3 (3002 at 240)"
    );
    assert_eq!(
        fixture.show(usd_sorted(Sort::PriceDescending).only_price(150, 450)),
        "3 (3002 at 240), 2 (2002 at 200)"
    );
}

pub fn newest_first(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).created(day(1)),
            product(2).created(day(3)),
            product(3).created(day(2)),
            product(4).created(day(3) - TimeDelta::milliseconds(1)),
            product(5).created(day(-40_000)),
        ],
    );
    assert_eq!(fixture.find(all().sorted(Sort::Newest)), "2 4 3 1 5");
}

pub fn ties_by_product_id(open: &Open) {
    // Written in another order than that of the ids, and in several batches.
    let mut fixture = Fixture::new(open(), []);
    for number in [5, 1, 4, 2, 3, u128::MAX, 1 << 64] {
        fixture.put([product(number).titled("lamp").with(&[], &[usd(10)])]);
    }
    let in_order = format!("1 2 3 4 5 {} {}", 1_u128 << 64, u128::MAX);
    for sort in [Sort::Relevance, Sort::PriceAscending, Sort::PriceDescending, Sort::Newest] {
        assert_eq!(fixture.find(all().in_usd().sorted(sort)), in_order, "{sort:?}");
        let lamps = || all().words("lamp").in_usd().sorted(sort);
        let after = fixture.query(lamps().first(1)).next(1).unwrap();
        assert_eq!(fixture.find(lamps().first(2).after(after)), "2 3", "{sort:?}");
    }
}
