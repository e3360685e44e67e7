//! Filters on attributes and price must match one and the same variant.

use chrono::NaiveDate;

use super::Open;
use super::fixture::{
    Fixture, all, color, currency, date, facet, money, number, product, size, text, usd,
};
use crate::engine::document::{AttributeValue, Document};
use crate::engine::query::{AttributeCondition, Facet, Sort};

pub fn attributes_bind_to_one(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[color("red"), size("S")], &[]).with(&[color("blue"), size("M")], &[]),
            product(2).with(&[color("blue"), size("S")], &[]).with(&[color("red"), size("M")], &[]),
        ],
    );
    let red_m = || all().only(color("red")).only(size("M"));
    assert_eq!(fixture.show(red_m()), "2 (2002)");
    assert_eq!(fixture.query(red_m()).total, 1);
    let red_or_blue_m = red_m().only(color("blue"));
    assert_eq!(fixture.show(red_or_blue_m), "1 (1002), 2 (2002)");
    assert_eq!(fixture.show(all()), "1 (1001), 2 (2001)");
}

pub fn price_and_attribute_bind(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[color("red")], &[usd(500)]).with(&[color("blue")], &[usd(100)]),
            product(2).with(&[color("red")], &[usd(120)]).with(&[color("blue")], &[usd(900)]),
            product(3).with(&[color("red")], &[]),
        ],
    );
    let cheap = || all().in_usd().only_price(0, 200);
    assert_eq!(fixture.show(cheap()), "1 (1002 at 100), 2 (2001 at 120)");
    assert_eq!(fixture.show(cheap().only(color("red"))), "2 (2001 at 120)");
    assert_eq!(fixture.count(cheap().count(facet("color"), 9)), "blue 1, red 1");
    // The price facet heeds the color, the color facet the price.
    let red = all().in_usd().only(color("red"));
    assert_eq!(
        fixture.count(red.clone().count(Facet::Price(Vec::new()), 9)),
        "100..199 1, 500..999 1"
    );
    assert_eq!(fixture.count(red.only_price(0, 200).count(facet("color"), 9)), "blue 1, *red 1");
}

pub fn very_many(open: &Open) {
    let variants = |count: usize, color_of: &dyn Fn(usize) -> &'static str, of: u128| -> Document {
        (0..count).fold(product(of), |product, at| {
            let attributes = [color(color_of(at)), number("at", at as f64)];
            product.with(&attributes, &[usd(1_000 - at as i64)])
        })
    };
    let red_from_the_hundredth = |at| if at >= 100 { "red" } else { "blue" };
    let fixture = Fixture::new(
        open(),
        [
            variants(130, &red_from_the_hundredth, 1),
            variants(64, &|_| "blue", 2),
            variants(65, &|at| if at == 64 { "red" } else { "green" }, 3),
        ],
    );
    let red_at = |at| all().in_usd().only(color("red")).only(number("at", at));
    assert_eq!(fixture.show(red_at(129.0)), "1 (1130 at 871)");
    assert_eq!(fixture.show(red_at(64.0)), "3 (3065 at 936)");
    assert_eq!(fixture.show(red_at(99.0)), "");
    assert_eq!(fixture.count(all().count(facet("color"), 9)), "blue 2, red 2, green 1");
    let red_cheap = all().in_usd().only(color("red")).only_price(0, 890);
    assert_eq!(fixture.show(red_cheap.clone()), "1 (1130 at 871)");
    assert_eq!(fixture.count(red_cheap.count(facet("color"), 9)), "*red 1");
    let blue = all().in_usd().only(color("blue")).sorted(Sort::PriceAscending);
    assert_eq!(fixture.show(blue), "1 (1100 at 901), 2 (2064 at 937)");
}

pub fn none_at_all(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("gift card").of_brand("A").in_categories(&[7]),
            product(2).titled("gift box").of_brand("A").with(&[color("red")], &[usd(5)]),
        ],
    );
    assert_eq!(fixture.show(all().in_usd()), "1 (-), 2 (2001 at 5)");
    assert_eq!(fixture.find(all().words("card")), "1");
    assert_eq!(fixture.find(all().only_category(7)), "1");
    assert_eq!(fixture.find(all().only_brand("A")), "1 2");
    assert_eq!(fixture.find(all().only(color("red"))), "2");
    assert_eq!(fixture.find(all().in_usd().only_price(0, 9)), "2");
    assert_eq!(fixture.count(all().count(Facet::Brand, 9)), "A 2");
    assert_eq!(fixture.count(all().only(color("red")).count(Facet::Brand, 9)), "A 1");
}

pub fn ranges(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[number("n", -3.5), date("d", 1960)], &[]),
            product(2).with(&[number("n", 0.0), date("d", 1970)], &[]),
            product(3).with(&[number("n", 7.25), date("d", 2024)], &[]),
            product(4).with(&[number("m", 7.25), text("n", "5")], &[]),
            product(5).with(&[number("n", 100.0)], &[]).with(&[number("n", -100.0)], &[]),
        ],
    );
    let numbers =
        |min, max| fixture.find(all().only_if("n", AttributeCondition::NumberBetween { min, max }));
    assert_eq!(numbers(None, None), "1 2 3 5");
    assert_eq!(numbers(Some(-3.5), Some(7.25)), "1 2 3");
    assert_eq!(numbers(Some(-3.4), Some(7.24)), "2");
    assert_eq!(numbers(Some(0.0), None), "2 3 5");
    assert_eq!(numbers(None, Some(-0.0)), "1 2 5");
    assert_eq!(numbers(Some(8.0), Some(7.0)), "");
    // Two ranges of one attribute: both, and of one variant.
    let (above, below) = (
        AttributeCondition::NumberBetween { min: Some(50.0), max: None },
        AttributeCondition::NumberBetween { min: None, max: Some(-50.0) },
    );
    assert_eq!(fixture.find(all().only_if("n", above).only_if("n", below)), "");

    let dates = |min: Option<i32>, max: Option<i32>| {
        let june = |year| NaiveDate::from_ymd_opt(year, 6, 15).unwrap();
        let condition = AttributeCondition::DateBetween { min: min.map(june), max: max.map(june) };
        fixture.find(all().only_if("d", condition))
    };
    assert_eq!(dates(Some(1960), Some(1970)), "1 2");
    assert_eq!(dates(None, Some(1969)), "1");
    assert_eq!(dates(Some(1971), None), "3");
}

pub fn ranges_of_amounts(open: &Open) {
    let deposit = |currency, amount| money("deposit", currency, amount);
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[deposit("EUR", -1)], &[]),
            product(2).with(&[deposit("EUR", 500), deposit("USD", 900)], &[]),
            product(3).with(&[deposit("USD", 500)], &[]).with(&[deposit("USD", i64::MAX)], &[]),
            product(4).with(&[money("dep", "USD", 500), number("deposit", 500.0)], &[]),
        ],
    );
    let find = |code, min, max| {
        let condition = AttributeCondition::MoneyBetween { currency: currency(code), min, max };
        fixture.find(all().only_if("deposit", condition))
    };
    assert_eq!(find("USD", None, None), "2 3");
    assert_eq!(find("USD", Some(500), Some(500)), "3");
    assert_eq!(find("USD", Some(501), Some(900)), "2");
    assert_eq!(find("USD", Some(i64::MAX), None), "3");
    assert_eq!(find("EUR", None, Some(0)), "1");
    assert_eq!(find("EUR", Some(-1), Some(500)), "1 2");
    assert_eq!(find("JPY", None, None), "");
    // The one currency's range and the other's must hold on one variant.
    let between = |code, amount| AttributeCondition::MoneyBetween {
        currency: currency(code),
        min: Some(amount),
        max: Some(amount),
    };
    let both = all().only_if("deposit", between("EUR", 500));
    assert_eq!(fixture.find(both.clone().only_if("deposit", between("USD", 900))), "2");
    assert_eq!(fixture.find(both.only_if("deposit", between("USD", 500))), "");
}

pub fn values_are_compared_whole(open: &Open) {
    let yes = |value| crate::engine::document::Attribute {
        code: "new".to_owned(),
        value: AttributeValue::Bool(value),
    };
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[color("red"), text("c", "olor"), yes(true)], &[]),
            product(2).with(&[color("reddish"), yes(false)], &[]),
            product(3).with(&[color("Red"), text("colors", "red")], &[]),
            product(4).with(&[color("")], &[]),
            product(5).with(&[color("ré\u{0}d")], &[]),
        ],
    );
    assert_eq!(fixture.find(all().only(color("red"))), "1");
    assert_eq!(fixture.find(all().only(color("reddish"))), "2");
    assert_eq!(fixture.find(all().only(color("re"))), "");
    assert_eq!(fixture.find(all().only(color(""))), "4");
    assert_eq!(fixture.find(all().only(color("ré\u{0}d"))), "5");
    assert_eq!(fixture.find(all().only(yes(true))), "1");
    let longer = |end: &str| color(&["long ".repeat(2_000), end.to_owned()].concat());
    let mut fixture = fixture;
    fixture.put([product(6).with(&[longer("a")], &[])]);
    assert_eq!(fixture.find(all().only(longer("a"))), "6");
}
