//! Examples (a) to (k) of price selection, with `String` scopes as pricing uses them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    currency::Currency,
    price::{Level, PriceContext, PriceRow, Scope, Verdict, explain, select},
    window::Window,
};

const NOV_20: &str = "2026-11-20T00:00:00Z";
const DEC_1: &str = "2026-12-01T00:00:00Z";
const DEC_3: &str = "2026-12-03T00:00:00Z";
const DEC_8: &str = "2026-12-08T00:00:00Z";

struct Case {
    name: &'static str,
    currency: &'static str,
    groups: &'static [&'static str],
    warehouse: &'static str,
    country: &'static str,
    at: &'static str,
    /// The row's number and amount, or none for `MATCHING_PRICE_NOT_FOUND`.
    chosen: Option<(u128, i64)>,
}

#[rustfmt::skip] // a table
fn cases() -> [Case; 12] {
    let case = |name, currency, groups, warehouse, country, at, chosen| {
        Case { name, currency, groups, warehouse, country, at, chosen }
    };
    [
        case("a: SKU beats product",   "USD", &[],               "",   "",   NOV_20, Some((2, 95))),
        case("b: warehouse's own",     "USD", &[],               "W1", "",   NOV_20, Some((3, 90))),
        case("c: dated beats undated", "USD", &[],               "W1", "",   DEC_3,  Some((6, 85))),
        case("d: specific, not cheap", "USD", &["VIP"],          "W1", "",   NOV_20, Some((4, 92))),
        case("e: group and country",   "USD", &["VIP"],          "W1", "DE", NOV_20, Some((5, 91))),
        case("f: cheapest of groups",  "USD", &["VIP", "STAFF"], "",   "",   NOV_20, Some((8, 89))),
        case("g: groups and country",  "USD", &["VIP", "STAFF"], "",   "DE", NOV_20, Some((5, 91))),
        case("h: currency is hard",    "EUR", &["VIP"],          "",   "",   NOV_20, Some((7, 88))),
        case("i: none, never zero",    "GBP", &[],               "",   "",   NOV_20, None),
        case("j: first instant is in", "USD", &[],               "W1", "",   DEC_1,  Some((6, 85))),
        case("j: last instant is out", "USD", &[],               "W1", "",   DEC_8,  Some((3, 90))),
        case("k: elsewhere",           "USD", &[],               "W9", "FR", NOV_20, Some((2, 95))),
    ]
}

fn rows() -> [PriceRow<String>; 8] {
    let anyone = || Scope::<String>::UNSCOPED;
    let group = |group: &str| Scope { group: Some(group.to_owned()), ..anyone() };
    let in_w1 = || Scope { warehouse: Some("W1".to_owned()), ..anyone() };
    let vip_in_germany = Scope { country: Some("DE".to_owned()), ..group("VIP") };
    let first_week = Window::try_new(Some(instant(DEC_1)), Some(instant(DEC_8))).unwrap();

    let sku = |number, base, scope| PriceRow {
        id: Uuid::from_u128(number),
        level: Level::Sku,
        currency: currency("USD"),
        scope,
        window: Window::ALWAYS,
        base,
        sale: None,
    };
    [
        PriceRow { level: Level::Product, ..sku(1, 100, anyone()) },
        sku(2, 95, anyone()),
        sku(3, 90, in_w1()),
        sku(4, 92, group("VIP")),
        sku(5, 91, vip_in_germany),
        PriceRow { window: first_week, ..sku(6, 85, in_w1()) },
        PriceRow { currency: currency("EUR"), ..sku(7, 88, anyone()) },
        sku(8, 89, group("STAFF")),
    ]
}

#[test]
fn examples_a_to_k() {
    let rows = rows();
    for case in cases() {
        let groups = Vec::from_iter(case.groups.iter().map(|group| String::from(*group)));
        let named = |text: &str| Some(String::from(text)).filter(|text| !text.is_empty());
        let (warehouse, country) = (named(case.warehouse), named(case.country));
        let context = PriceContext {
            groups: &groups,
            warehouse: warehouse.as_ref(),
            country: country.as_ref(),
            ..PriceContext::new(currency(case.currency), instant(case.at))
        };

        let number = |row: &PriceRow<String>| (row.id.as_u128(), row.amount());
        assert_eq!(select(&rows, &context).map(number), case.chosen, "{}", case.name);

        let mut explained = rows.iter().zip(explain(&rows, &context));
        let chosen = explained.find(|(_, verdict)| *verdict == Verdict::Chosen);
        assert_eq!(chosen.map(|(row, _)| number(row)), case.chosen, "{}", case.name);
    }
}

fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
