use super::Open;
use super::fixture::{Fixture, Narrow, all, color, facet, product, usd};
use crate::engine::query::{Facet, Sort};

/// Red and blue in stock here and there, sold out, never heard of, and without variants.
fn shop(open: &Open) -> Fixture {
    Fixture::new(
        open(),
        [
            product(1)
                .titled("lamp")
                .with(&[color("red")], &[usd(50)])
                .stocked(&[])
                .with(&[color("blue")], &[usd(80), usd(60).at_warehouse("W1")])
                .stocked(&["W1", "W2"]),
            product(2).titled("lamp lamp").with(&[color("red")], &[usd(20)]).stocked(&[]),
            product(3).titled("lamp").with(&[color("red")], &[usd(10)]),
            product(4).titled("lamp").with(&[color("red")], &[usd(30)]).stocked(&["W2"]),
            product(5).titled("lamp").stocked(&[]),
        ],
    )
}

pub fn a_filter_binds_to_one_variant(open: &Open) {
    let fixture = shop(open);
    assert_eq!(fixture.show(all().only_in_stock(true)), "1 (1002), 4 (4001)");
    assert_eq!(fixture.show(all().only_in_stock(false)), "1 (1001), 2 (2001), 5 (-)");
    let red = || all().only(color("red"));
    assert_eq!(fixture.find(red().only_in_stock(true)), "4");
    assert_eq!(fixture.find(red().only_in_stock(false)), "1 2");
    let cheapest = || all().in_usd().sorted(Sort::PriceAscending);
    assert_eq!(fixture.show(cheapest().only_in_stock(true)), "4 (4001 at 30), 1 (1002 at 80)");
    assert_eq!(fixture.find(cheapest().only_price(0, 60).only_in_stock(true)), "4");
}

pub fn of_one_warehouse(open: &Open) {
    let fixture = shop(open);
    let of = |name: &str| all().stock_of(name);
    assert_eq!(fixture.show(of("W1").only_in_stock(true)), "1 (1002)");
    assert_eq!(fixture.show(of("W2").only_in_stock(true)), "1 (1002), 4 (4001)");
    assert_eq!(fixture.show(of("W1").only_in_stock(false)), "1 (1001), 2 (2001), 4 (4001), 5 (-)");
    assert_eq!(fixture.find(of("W3").only_in_stock(true)), "");
    assert_eq!(fixture.find(of("W3").only_in_stock(false)), "1 2 4 5");
    // Whose stock counts and whose prices apply are two questions.
    let priced = of("W2").in_usd().served_by("W1").only_price(55, 65).only_in_stock(true);
    assert_eq!(fixture.show(priced), "1 (1002 at 60)");
}

pub fn a_facet(open: &Open) {
    let fixture = shop(open);
    let counted = || all().count(Facet::InStock, 9);
    assert_eq!(fixture.count(counted()), "out 3, in 2");
    assert_eq!(fixture.count(counted().stock_of("W1")), "out 4, in 1");
    assert_eq!(fixture.count(counted().only(color("red"))), "out 2, in 1");
    assert_eq!(fixture.count(counted().only(color("blue"))), "in 1");
    // Its own filter does not narrow it, and is there even at 0.
    assert_eq!(fixture.count(counted().only_in_stock(true)), "out 3, *in 2");
    assert_eq!(fixture.count(counted().only(color("blue")).only_in_stock(false)), "in 1, *out 0");
    assert_eq!(
        fixture.count(all().in_usd().only_price(0, 50).count(Facet::InStock, 1)),
        "out 2, +1"
    );
    // Another facet is narrowed by it.
    let colors = || all().count(facet("color"), 9);
    assert_eq!(fixture.count(colors().only_in_stock(true)), "blue 1, red 1");
    assert_eq!(fixture.count(colors().only_in_stock(false)), "red 2");
    let prices = all().in_usd().count(Facet::Price(Vec::new()), 9).only_in_stock(true);
    assert_eq!(fixture.count(prices), "20..49 1, 50..99 1");
}

pub fn sold_out_comes_last(open: &Open) {
    let fixture = shop(open);
    let lamps = || all().words("lamp");
    assert_eq!(fixture.find(all()), "1 3 4 2 5");
    assert_eq!(fixture.find(all().stock_of("W1")), "1 3 2 4 5");
    let by_score = fixture.find(lamps());
    assert!(by_score.ends_with("2 5") || by_score.ends_with("5 2"), "{by_score}");
    let of_first = fixture.find(lamps().stock_of("W1"));
    assert!(of_first.starts_with("1 3") || of_first.starts_with("3 1"), "{of_first}");
    // What is counted or filtered makes no difference to the order.
    assert_eq!(fixture.find(lamps().count(Facet::InStock, 9)), by_score);
    assert_eq!(fixture.find(lamps().count(facet("color"), 9).stock_of("W1")), of_first);
    assert_eq!(fixture.find(all().only(color("red"))), "1 3 4 2");
    // The other orders know nothing of it.
    assert_eq!(fixture.find(lamps().in_usd().sorted(Sort::PriceAscending)), "3 2 4 1 5");
    assert_eq!(fixture.find(lamps().sorted(Sort::Newest)), "1 2 3 4 5");
}

pub fn sold_out_comes_before_a_broader_match(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("desk lamp").with(&[], &[]).stocked(&[]),
            product(2).titled("desk").with(&[], &[]).stocked(&["W1"]),
            product(3).titled("desk lamps").with(&[], &[]).stocked(&["W1"]),
        ],
    );
    assert_eq!(fixture.find(all().words("desk lamp")), "3 1 2");
}

pub fn pages_go_on_behind_the_last(open: &Open) {
    let lamp = |number: u128| {
        let lamp = product(number).titled("lamp").with(&[], &[]);
        if number.is_multiple_of(3) { lamp.stocked(&[]) } else { lamp.stocked(&["W1"]) }
    };
    let mut fixture = Fixture::new(open(), (1..=20).map(lamp));
    for query in [all(), all().words("lamp"), all().stock_of("W1"), all().stock_of("W2")] {
        let whole = fixture.find(query.clone().first(20));
        let pages = fixture.pages(&query.first(3), |_| ());
        let hits = pages.iter().flat_map(|page| &page.hits);
        let numbers: Vec<String> = hits.map(|hit| hit.product_id.as_u128().to_string()).collect();
        assert_eq!(numbers.join(" "), whole);
        assert_eq!(numbers.len(), 20);
    }
}
