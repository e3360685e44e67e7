//! Facets: each counts the products that match all filters but its own.

use super::Open;
use super::fixture::{
    Fixture, Narrow, all, color, date, facet, number, product, range, render, size, usd,
};
use crate::engine::document::{Attribute, AttributeKind, AttributeValue};
use crate::engine::query::{Facet, PriceRange, Query};

fn facet_of(code: &str, kind: AttributeKind) -> Facet {
    Facet::Attribute { code: code.to_owned(), kind }
}

pub fn a_facet_ignores_its_own_filter(open: &Open) {
    let (red, blue, green) = (|| color("red"), || color("blue"), || color("green"));
    let (s, m) = (|| size("S"), || size("M"));
    let fixture = Fixture::new(
        open(),
        [
            product(1)
                .of_brand("Nike")
                .with(&[red(), s()], &[])
                .with(&[red(), m()], &[])
                .with(&[blue(), m()], &[]),
            product(2).of_brand("Adidas").with(&[red(), m()], &[]),
            product(3).of_brand("Nike").with(&[blue(), s()], &[]).with(&[green(), m()], &[]),
            product(4).of_brand("Puma").with(&[red(), s()], &[]).with(&[blue(), m()], &[]),
        ],
    );
    let check = |query: Query, found: &str, colors: &str, sizes: &str, brands: &str| {
        let query = query.count(facet("color"), 9).count(facet("size"), 9).count(Facet::Brand, 9);
        assert_eq!(fixture.find(query.clone()), found);
        let facets: Vec<String> = fixture.query(query).facets.iter().map(render).collect();
        assert_eq!(facets, [colors, sizes, brands]);
    };
    check(all(), "1 2 3 4", "blue 3, red 3, green 1", "M 4, S 3", "Nike 2, Adidas 1, Puma 1");
    let red_m = || all().only(red()).only(m());
    check(red_m(), "1 2", "blue 2, *red 2, green 1", "*M 2, S 2", "Adidas 1, Nike 1");
    check(
        red_m().only(blue()),
        "1 2 4",
        "*blue 2, *red 2, green 1",
        "*M 3, S 3",
        "Adidas 1, Nike 1, Puma 1",
    );
}

pub fn a_product_counts_once(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[color("red")], &[]).with(&[color("red"), color("red")], &[]),
            product(2).with(&[color("red"), color("blue")], &[]),
        ],
    );
    assert_eq!(fixture.count(all().count(facet("color"), 9)), "red 2, blue 1");
    // Several values of one variant are alternatives.
    assert_eq!(fixture.find(all().only(color("blue"))), "2");
    assert_eq!(fixture.find(all().only(color("blue")).only(color("red"))), "1 2");
}

pub fn selected_values_are_always_returned(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).of_brand("A").in_categories(&[7]).with(&[color("red")], &[usd(10)]),
            product(2).of_brand("B").in_categories(&[8]).with(&[color("blue")], &[usd(20)]),
        ],
    );
    let pink = || all().only(color("pink"));
    assert_eq!(fixture.find(pink()), "");
    assert_eq!(fixture.count(pink().count(facet("color"), 9)), "blue 1, red 1, *pink 0");
    // Beyond the size, but not beyond the answer.
    assert_eq!(fixture.count(pink().count(facet("color"), 1)), "blue 1, *pink 0, +1");
    // The name of a brand that no counted product has is unknown.
    assert_eq!(fixture.count(pink().only_brand("A").count(Facet::Brand, 9)), "*65 0");
    assert_eq!(fixture.count(all().only_brand("A").count(Facet::Brand, 0)), "*A 1, +1");
    assert_eq!(fixture.count(all().only_category(9).count(Facet::Category, 9)), "7 1, 8 1, *9 0");
    let facet_of_prices = Facet::Price(vec![range(0, 15), range(16, 30), range(31, 99)]);
    let dear = all().in_usd().only_price(31, 99).count(facet_of_prices, 9);
    assert_eq!(fixture.count(dear), "0..15 1, 16..30 1, *31..99 0");
}

pub fn a_size_and_the_others(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[color("red")], &[]).with(&[color("blue")], &[]),
            product(2).with(&[color("red")], &[]).with(&[color("gray")], &[]),
            product(3).with(&[color("aqua")], &[]).with(&[color("blue")], &[]),
        ],
    );
    assert_eq!(fixture.count(all().count(facet("color"), 2)), "blue 2, red 2, +2");
    assert_eq!(fixture.count(all().count(facet("color"), 3)), "blue 2, red 2, aqua 1, +1");
    assert_eq!(fixture.count(all().count(facet("color"), 0)), "+6");
    let selected = all().only(color("gray")).count(facet("color"), 1);
    assert_eq!(fixture.count(selected), "blue 2, *gray 1, +3");
}

pub fn codes_and_kinds_are_kept_apart(open: &Open) {
    let width = |width: f64| number("width", width);
    let text_width =
        Attribute { code: "width".to_owned(), value: AttributeValue::Text("wide".to_owned()) };
    let longer_code =
        Attribute { code: "widths".to_owned(), value: AttributeValue::Text("narrow".to_owned()) };
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[width(3.0), text_width.clone(), longer_code], &[]),
            product(2).with(&[width(4.0)], &[]),
        ],
    );
    let numbers = || facet_of("width", AttributeKind::Number);
    assert_eq!(fixture.count(all().count(numbers(), 9)), "3 1, 4 1");
    assert_eq!(fixture.count(all().count(facet("width"), 9)), "wide 1");
    assert_eq!(fixture.count(all().count(facet("wid"), 9)), "");
    // A filter on the one is no own filter of the other.
    assert_eq!(fixture.count(all().only(text_width.clone()).count(numbers(), 9)), "3 1");
    assert_eq!(fixture.count(all().only(text_width).count(facet("width"), 9)), "*wide 1");
}

pub fn values_in_their_own_order(open: &Open) {
    let yes = |value| Attribute { code: "new".to_owned(), value: AttributeValue::Bool(value) };
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[number("n", 10.0), date("d", 2024), yes(true)], &[]),
            product(2).with(&[number("n", 9.5), date("d", 1950), yes(false)], &[]),
            product(3).with(&[number("n", -1.0), number("n", -20.0), date("d", 2030)], &[]),
            product(4).with(&[number("n", -0.0), number("n", f64::NAN)], &[]),
            product(5).with(&[number("n", 0.0), number("n", f64::INFINITY)], &[]),
        ],
    );
    let of = |code, kind| all().count(facet_of(code, kind), 9);
    let numbers = of("n", AttributeKind::Number);
    assert_eq!(fixture.count(numbers), "0 2, -20 1, -1 1, 9.5 1, 10 1, inf 1");
    let dates = of("d", AttributeKind::Date);
    assert_eq!(fixture.count(dates), "1950-06-15 1, 2024-06-15 1, 2030-06-15 1");
    let both = of("new", AttributeKind::Bool).only(yes(true));
    assert_eq!(fixture.count(both), "false 1, *true 1");
}

pub fn brands_go_by_id(open: &Open) {
    let renamed = |number, name: &str| {
        let mut document = product(number).of_brand("Acme");
        document.brand = name.to_owned();
        document
    };
    let fixture = Fixture::new(
        open(),
        [
            renamed(1, "Acme"),
            renamed(2, "Acme Inc"),
            renamed(3, "Acme Inc"),
            product(4).of_brand("Zeta"),
            product(5),
        ],
    );
    assert_eq!(fixture.count(all().count(Facet::Brand, 9)), "Acme Inc 3, Zeta 1");
    let acme = || all().only_brand("Acme");
    assert_eq!(fixture.find(acme()), "1 2 3");
    assert_eq!(fixture.count(acme().count(Facet::Brand, 9)), "*Acme Inc 3, Zeta 1");
    assert_eq!(fixture.find(acme().only_brand("Zeta")), "1 2 3 4");
}

pub fn categories_with_their_ancestors(open: &Open) {
    // 1 > 10 > 100, and 2.
    let fixture = Fixture::new(
        open(),
        [
            product(1).in_categories(&[100, 10, 1]).with(&[color("red")], &[]),
            product(2).in_categories(&[10, 1]).with(&[color("blue")], &[]),
            product(3).in_categories(&[2]).with(&[color("red")], &[]),
            product(4).in_categories(&[2, 10, 1]),
        ],
    );
    assert_eq!(fixture.find(all().only_category(1)), "1 2 4");
    assert_eq!(fixture.find(all().only_category(100)), "1");
    assert_eq!(fixture.find(all().only_category(100).only_category(2)), "1 3 4");
    assert_eq!(fixture.count(all().count(Facet::Category, 9)), "1 3, 10 3, 2 2, 100 1");
    let in_two = all().only_category(2);
    assert_eq!(fixture.count(in_two.clone().count(Facet::Category, 9)), "1 3, 10 3, *2 2, 100 1");
    assert_eq!(fixture.count(in_two.count(facet("color"), 9)), "red 1");
    let red = all().only(color("red"));
    assert_eq!(fixture.count(red.count(Facet::Category, 9)), "1 1, 2 1, 10 1, 100 1");
}

pub fn prices_in_ranges(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).with(&[color("red")], &[usd(100)]).with(&[color("blue")], &[usd(250)]),
            product(2).with(&[color("red")], &[usd(199).eur()]),
            product(3).with(&[color("red")], &[usd(260)]).with(&[color("red")], &[usd(270)]),
        ],
    );
    let open_end = |min| PriceRange { min_minor: Some(min), max_minor: None };
    let ranges = || Facet::Price(vec![open_end(200), range(0, 199), range(100, 250)]);
    let count = |query: Query| fixture.count(query.in_usd().count(ranges(), 1));
    // All requested ranges in the requested order; product 3 counts once, 2 has no price in USD.
    assert_eq!(count(all()), "200.. 2, 0..199 1, 100..250 1");
    assert_eq!(count(all().only(color("red"))), "200.. 1, 0..199 1, 100..250 1");
    // Not applied to its own facet; returned although it is none of the requested ranges.
    let own = all().only_price(255, 265);
    assert_eq!(fixture.find(own.clone().in_usd()), "3");
    assert_eq!(count(own), "200.. 2, 0..199 1, 100..250 1, *255..265 1");
    assert_eq!(count(all().only_price(0, 199)), "200.. 2, *0..199 1, 100..250 1");

    let ladder = || Facet::Price(Vec::new());
    assert_eq!(fixture.count(all().in_usd().count(ladder(), 9)), "100..199 1, 200..499 2");
    assert_eq!(fixture.count(all().in_currency("EUR").count(ladder(), 9)), "100..199 1");
    assert_eq!(fixture.count(all().in_currency("JPY").count(ladder(), 9)), "");
    let bounds =
        |query: Query| fixture.query(query.count(ladder(), 9)).facets[0].price_bounds_minor;
    assert_eq!(bounds(all().in_usd()), Some((100, 270)));
    assert_eq!(bounds(all().in_usd().only(color("blue"))), Some((250, 250)));
    assert_eq!(bounds(all().in_currency("JPY")), None);
}
