//! What words find.

use super::Open;
use super::fixture::{Fixture, all, color, product, usd};
use crate::engine::query::Sort;

pub fn any_word_in_any_form(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("Gaming Laptop"),
            product(2).titled("laptop batteries"),
            product(3).titled("Écran tactile"),
            product(4).titled("USB-C hub"),
        ],
    );
    let find = |text: &str| {
        let mut found = fixture.query(all().words(text)).hits;
        found.sort_by_key(|hit| hit.product_id);
        found.iter().map(|hit| hit.product_id.as_u128().to_string()).collect::<String>()
    };
    assert_eq!(find("LAPTOPS"), "12");
    assert_eq!(find("battery"), "2");
    assert_eq!(find("ecrans"), "3");
    assert_eq!(find("écran laptop"), "123");
    assert_eq!(find("hub, usb!"), "4");
    assert_eq!(find("lap"), "");
}

pub fn all_parts_are_searched(open: &Open) {
    let described = product(4).described("<p class=\"bright\">Loud &amp; <b>clear</b></p>");
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("toner"),
            product(2).of_brand("Toner King"),
            product(3).with_sku("TONER-77").with_sku("X1"),
            described,
            product(5).texted("glossy paper").texted("Baryta"),
        ],
    );
    assert_eq!(fixture.find(all().words("toner").sorted(Sort::Newest)), "1 2 3");
    assert_eq!(fixture.find(all().words("x1 whatever")), "3");
    assert_eq!(fixture.find(all().words("clear")), "4");
    assert_eq!(fixture.find(all().words("baryta")), "5");
    assert_eq!(fixture.find(all().words("paper")), "5");
    assert_eq!(fixture.find(all().words("bright class amp b")), "");
}

pub fn a_blank_query_matches_all(open: &Open) {
    let fixture = Fixture::new(open(), [product(1), product(2)]);
    assert_eq!(fixture.find(all()), "1 2");
    assert_eq!(fixture.find(all().words("  \t")), "1 2");
    assert_eq!(fixture.find(all().words("?!")), "");
    assert_eq!(fixture.find(all().words("unheard")), "");
    assert!(fixture.query(all()).hits.iter().all(|hit| hit.score == 0.0));
}

pub fn a_better_match_comes_first(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("red cotton shirt for summer and winter with many buttons"),
            product(2).titled("red bag"),
            product(3).titled("red cotton shirt"),
            product(4).titled("green shirt"),
        ],
    );
    let answer = fixture.query(all().words("red cotton shirt"));
    let found: Vec<u128> = answer.hits.iter().map(|hit| hit.product_id.as_u128()).collect();
    assert_eq!(found[..2], [3, 1]);
    assert_eq!(answer.total, 4);
    assert!(answer.hits.is_sorted_by(|left, right| left.score >= right.score));
    assert!(answer.hits.iter().all(|hit| hit.score > 0.0));
}

pub fn an_exact_sku_comes_first(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("AB 12 AB 12 AB 12"),
            product(2).titled("cable").with(&[color("red")], &[usd(1)]).with_sku("AB-12"),
            product(3).titled("plug").with_sku("AB-12-3"),
            product(4).titled("socket").with_sku("##"),
        ],
    );
    for text in ["AB-12", "ab-12", " Ab-12 "] {
        let found = fixture.find(all().words(text));
        assert!(found.starts_with("2 "), "{text}: {found}");
        assert_eq!(fixture.query(all().words(text)).total, 3);
    }
    assert!(fixture.find(all().words("AB 12")).starts_with("1 "));
    assert_eq!(fixture.find(all().words("##")), "4");
    // The filters and the order of the query apply.
    assert_eq!(fixture.find(all().words("AB-12").only(color("red"))), "2");
    assert_eq!(fixture.find(all().words("AB-12").only(color("blue"))), "");
    assert_eq!(fixture.find(all().words("AB-12").sorted(Sort::Newest)), "1 2 3");
}
