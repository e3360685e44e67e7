//! Which price applies by the rules of `kernel::price`, to filters, facets, sorts and hits alike.

use chrono::TimeDelta;
use kernel::price::Scope;

use super::Open;
use super::fixture::{Fixture, Narrow, all, color, day, facet, product, usd};
use crate::engine::query::{Facet, Query, Sort};

pub fn the_selection_examples(open: &Open) {
    let (december_1, december_8) = (31, 38);
    let rows = [
        usd(100).of_product(),
        usd(95),
        usd(90).at_warehouse("W1"),
        usd(85).at_warehouse("W1").within(december_1, december_8),
        usd(88).eur(),
    ];
    let fixture = Fixture::new(open(), [product(1).with(&[], &rows)]);
    let amount = |query: Query| fixture.query(query).hits[0].amount_minor;
    let by_w1 = || all().in_usd().served_by("W1");
    assert_eq!(amount(all().in_usd()), Some(95), "(a)");
    assert_eq!(amount(by_w1().on_day(20)), Some(90), "(b)");
    assert_eq!(amount(by_w1().on_day(33)), Some(85), "(c)");
    assert_eq!(amount(all().in_currency("EUR")), Some(88), "(h)");
    assert_eq!(amount(all().in_currency("GBP")), None, "(i)");
    assert_eq!(amount(by_w1().on_day(december_1)), Some(85), "(j)");
    assert_eq!(amount(by_w1().on_day(december_8)), Some(90), "(j)");
    let elsewhere = all().in_usd().served_by("W9").sent_to("FR");
    assert_eq!(amount(elsewhere), Some(95), "(k)");
    assert_eq!(amount(all()), None, "no currency");
}

pub fn an_edge_needs_no_reindex(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[], &[usd(100), usd(60).within(10, 20)]),
            product(2).with(&[], &[usd(80)]),
            product(3).with(&[], &[usd(70).within(None, 15)]),
            product(4).with(&[], &[usd(200).on_sale(50).within(20, None), usd(90)]),
        ],
    );
    let cheapest_first = || all().in_usd().sorted(Sort::PriceAscending);
    let shown = |query: Query| fixture.show(query);
    let day_0 = "3 (3001 at 70), 2 (2001 at 80), 4 (4001 at 90), 1 (1001 at 100)";
    let day_10 = "1 (1001 at 60), 3 (3001 at 70), 2 (2001 at 80), 4 (4001 at 90)";
    let day_15 = "1 (1001 at 60), 2 (2001 at 80), 4 (4001 at 90), 3 (3001)";
    let day_20 = "4 (4001 at 50), 2 (2001 at 80), 1 (1001 at 100), 3 (3001)";
    let just_before = |number| day(number) - TimeDelta::microseconds(1);
    assert_eq!(shown(cheapest_first()), day_0);
    assert_eq!(shown(cheapest_first().at(just_before(10))), day_0);
    assert_eq!(shown(cheapest_first().on_day(10)), day_10);
    assert_eq!(shown(cheapest_first().at(just_before(15))), day_10);
    assert_eq!(shown(cheapest_first().on_day(15)), day_15);
    assert_eq!(shown(cheapest_first().on_day(20)), day_20);
    assert_eq!(shown(cheapest_first().on_day(9_999)), day_20);
    assert_eq!(shown(cheapest_first().on_day(-9_999)), day_0);

    let below_75 = |on| all().in_usd().only_price(0, 75).on_day(on);
    assert_eq!([0, 10, 15, 20].map(|on| fixture.find(below_75(on))), ["3", "1 3", "1", "4"]);
    let ladder = |on| fixture.count(all().in_usd().on_day(on).count(Facet::Price(Vec::new()), 9));
    assert_eq!(ladder(0), "50..99 3, 100..199 1");
    assert_eq!(ladder(20), "50..99 2, 100..199 1");
}

pub fn a_warehouse_has_its_own(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[], &[usd(100), usd(40).at_warehouse("W1")]),
            product(2).with(&[], &[usd(50)]),
            product(3)
                .with(
                    &[color("red")],
                    &[usd(60).of_product(), usd(45).of_product().on_channel("app")],
                )
                .with(
                    &[color("blue")],
                    &[
                        usd(60).of_product(),
                        usd(45).of_product().on_channel("app"),
                        usd(90).in_country("DE"),
                    ],
                ),
            product(4).with(&[], &[usd(10).at_warehouse("W2")]),
        ],
    );
    let cheapest_first = || all().in_usd().sorted(Sort::PriceAscending);
    assert_eq!(
        fixture.show(cheapest_first()),
        "2 (2001 at 50), 3 (3001 at 60), 1 (1001 at 100), 4 (4001)"
    );
    assert_eq!(
        fixture.show(cheapest_first().served_by("W1")),
        "1 (1001 at 40), 2 (2001 at 50), 3 (3001 at 60), 4 (4001)"
    );
    assert_eq!(
        fixture.show(cheapest_first().served_by("W2").through_channel("app")),
        "4 (4001 at 10), 3 (3001 at 45), 2 (2001 at 50), 1 (1001 at 100)"
    );
    let blue = || all().in_usd().only(color("blue"));
    // An eligible row of the SKU beats the product's, however specific those are.
    assert_eq!(fixture.show(blue().through_channel("app").sent_to("DE")), "3 (3002 at 90)");
    assert_eq!(fixture.show(blue().through_channel("app").sent_to("FR")), "3 (3002 at 45)");
    assert_eq!(fixture.show(blue().served_by("app")), "3 (3002 at 60)");

    let below_55 = || all().in_usd().only_price(0, 55);
    assert_eq!(fixture.find(below_55()), "2");
    assert_eq!(fixture.find(below_55().served_by("W1")), "1 2");
    assert_eq!(fixture.find(below_55().through_channel("app")), "2 3");
    let colors = below_55().through_channel("app").sent_to("DE").count(facet("color"), 9);
    assert_eq!(fixture.count(colors), "red 1");
}

pub fn products_without_one(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[], &[usd(100).eur()]),
            product(2).with(&[], &[usd(50)]),
            product(3).with(&[], &[]),
            product(4).with(&[], &[]).with(&[], &[usd(0)]),
        ],
    );
    assert_eq!(fixture.show(all().in_usd()), "1 (1001), 2 (2001 at 50), 3 (3001), 4 (4002 at 0)");
    assert_eq!(fixture.find(all().in_usd().sorted(Sort::PriceAscending)), "4 2 1 3");
    assert_eq!(fixture.find(all().in_usd().sorted(Sort::PriceDescending)), "2 4 1 3");
    assert_eq!(fixture.find(all().in_usd().only_price(0, i64::MAX)), "2 4");
    assert_eq!(fixture.find(all().in_currency("EUR").sorted(Sort::PriceDescending)), "1 2 3 4");
}

pub fn the_instant_of_pricing(open: &Open) {
    // Documents that differ in nothing but the instant their amounts were prepared for.
    let rows = [
        usd(100).of_product(),
        usd(90).of_product().within(10, 20),
        usd(80).within(15, 25),
        usd(70).at_warehouse("W1").within(5, 12),
    ];
    let fixture = Fixture::new(
        open(),
        [-50, 5, 10, 12, 17, 20, 25, 99]
            .map(|on| product(1 + (on + 50) as u128).priced(day(on)).with(&[], &rows)),
    );
    for on in -1..30 {
        for query in [all().in_usd(), all().in_usd().served_by("W1")] {
            let mut amounts: Vec<Option<i64>> =
                fixture.query(query.on_day(on)).hits.iter().map(|hit| hit.amount_minor).collect();
            assert_eq!(amounts.len(), 8);
            amounts.dedup();
            assert_eq!(amounts.len(), 1, "day {on}: {amounts:?}");
        }
    }
}

pub fn rows_for_customers(open: &Open) {
    let name = || Some("VIP".to_owned());
    let for_group =
        kernel::price::PriceRow { scope: Scope { group: name(), ..Scope::UNSCOPED }, ..usd(1) };
    let for_customer =
        kernel::price::PriceRow { scope: Scope { customer: name(), ..Scope::UNSCOPED }, ..usd(2) };
    let rows = [for_group, for_customer, usd(3).within(None, 50)];
    let fixture =
        Fixture::new(open(), [product(1).with(&[], &rows), product(2).with(&[], &rows[..2])]);
    assert_eq!(fixture.show(all().in_usd()), "1 (1001 at 3), 2 (2001)");
    assert_eq!(fixture.show(all().in_usd().served_by("VIP")), "1 (1001 at 3), 2 (2001)");
    assert_eq!(fixture.show(all().in_usd().on_day(50)), "1 (1001), 2 (2001)");
}
