//! What words find.

use super::Open;
use super::fixture::{Fixture, all, color, facet, product, usd};
use crate::engine::query::Sort;

/// The products whose title a query finds: `1 3`.
pub fn found(fixture: &Fixture, text: &str) -> String {
    fixture.find(all().words(text).sorted(Sort::Newest))
}

pub fn words_in_any_form(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("Gaming Laptop"),
            product(2).titled("laptop batteries"),
            product(3).titled("Écran tactile"),
            product(4).titled("USB-C hub"),
            product(5).titled("Sunglasses, watches and dresses"),
        ],
    );
    assert_eq!(found(&fixture, "LAPTOPS"), "1 2");
    assert_eq!(found(&fixture, "battery"), "2");
    assert_eq!(found(&fixture, "ecrans"), "3");
    assert_eq!(found(&fixture, "hub, usb!"), "4");
    assert_eq!(found(&fixture, "watch dress sunglass"), "5");
}

pub fn all_words_or_half(open: &Open) {
    let machine = |number: u128| {
        let amount = i64::try_from(number).unwrap();
        product(number).titled("Coffee machine").with(&[color("red")], &[usd(amount)])
    };
    let laptop = product(90).titled("Laptop machine").with(&[color("blue")], &[usd(9_000)]);
    let bean = product(91).titled("Coffee bean").with(&[color("blue")], &[usd(5_000)]);
    let lamp = product(92).titled("Lamp").with(&[color("blue")], &[usd(7_000)]);
    let mut fixture = Fixture::new(open(), (1..=9).map(machine).chain([laptop, bean, lamp]));
    let dear = || all().in_usd().words("coffee machine").sorted(Sort::PriceDescending);

    // Nine have both words: those with one follow, in every sort.
    assert_eq!(fixture.find(dear()), "9 8 7 6 5 4 3 2 1 90 91");
    let few = fixture.query(dear().count(facet("color"), 9));
    assert!(few.widened);
    assert_eq!(few.total, 11);
    assert_eq!(super::fixture::render(&few.facets[0]), "red 9, blue 2");
    assert!(fixture.find(all().words("coffee machine")).ends_with(" 90 91"));
    // What a first page has begun with goes on, though ten have both words by then.
    let pages = fixture.pages(&dear().first(6), |fixture| fixture.put([machine(10)]));
    let shown = pages.iter().flat_map(|page| &page.hits).map(|hit| hit.product_id.as_u128());
    assert_eq!(shown.collect::<Vec<_>>(), [9, 8, 7, 6, 5, 4, 3, 2, 1, 90, 91]);

    let enough = fixture.query(dear().count(facet("color"), 9));
    assert!(!enough.widened);
    assert_eq!(enough.total, 10);
    assert_eq!(super::fixture::render(&enough.facets[0]), "red 10");

    // Half of three words are two.
    assert_eq!(fixture.find(all().words("lamp coffee bean")), "91");
    assert!(!fixture.query(all().words("bean")).widened);
    assert!(!fixture.query(all().words("nothing whatever")).widened);
}

pub fn all_parts_are_searched(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("toner"),
            product(2).of_brand("Toner King"),
            product(3).with_sku("TONER-77").with_sku("X1"),
            product(4).described("Loud and clear"),
            product(5).texted("glossy paper").texted("Baryta"),
        ],
    );
    assert_eq!(found(&fixture, "toner"), "1 2 3");
    assert_eq!(found(&fixture, "x1 whatever"), "3");
    assert_eq!(found(&fixture, "clear"), "4");
    assert_eq!(found(&fixture, "baryta"), "5");
    assert_eq!(found(&fixture, "paper"), "5");
}

pub fn markup_is_not_searched(open: &Open) {
    let described = "<style>p { color: teal }</style><p class=\"bright\">Loud &amp; <b>clear</b>\
                     caf&eacute;</p><script>track(\"visit\")</script><!-- secret -->";
    let fixture = Fixture::new(
        open(),
        [product(1).titled("Tom &amp; Jerry").described(described), product(2).titled("< 5 kg")],
    );
    for seen in ["clearcafé", "loud", "jerry", "tom & jerry"] {
        assert_eq!(found(&fixture, seen), "1", "{seen}");
    }
    for unseen in ["bright", "class", "amp", "eacute", "teal", "track", "visit", "secret", "style"]
    {
        assert_eq!(found(&fixture, unseen), "", "{unseen}");
    }
    assert_eq!(found(&fixture, "5 kg"), "2");
}

pub fn beginnings(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("Headphones").with_sku("ION-HDP-100"),
            product(2).titled("Head torch").with_sku("ION-TRC-7"),
            product(3).titled("Batteries"),
            product(4).titled("Coffee machine").with(&[], &[usd(1)]),
            product(5).titled("Header").with(&[], &[usd(9)]),
        ],
    );
    assert_eq!(found(&fixture, "headph"), "1");
    assert_eq!(found(&fixture, "batteri"), "3");
    assert_eq!(found(&fixture, "coffee mach"), "4");
    assert_eq!(found(&fixture, "ION-HDP-10"), "1");
    assert_eq!(found(&fixture, "ion hdp 10"), "1");
    assert_eq!(found(&fixture, "he"), "");
    // Whole words first, in every sort.
    assert_eq!(fixture.find(all().words("head")), "2 1 5");
    let dear = all().in_usd().words("head").sorted(Sort::PriceDescending);
    assert_eq!(fixture.find(dear), "2 5 1");
    assert!(!fixture.query(all().words("headph")).widened);
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
            product(4).titled("green cotton shirt"),
        ],
    );
    let answer = fixture.query(all().words("red cotton shirt"));
    let found: Vec<u128> = answer.hits.iter().map(|hit| hit.product_id.as_u128()).collect();
    assert_eq!(found, [3, 1, 4]);
    assert!(answer.widened);
    assert!(answer.hits.iter().all(|hit| hit.score > 0.0));
}

pub fn strengths(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("Sleeve for notebook computers"),
            product(2).titled("Tower, fits below a desk").described("or beside a notebook"),
            product(3).titled("Notebook computer with sleeve"),
            product(4).titled("Stand").texted("notebook").texted("notebook stand"),
        ],
    );
    let order = fixture.find(all().words("notebook"));
    assert!(order.starts_with("3 "), "{order}");
    assert_eq!(order.split(' ').count(), 4);
}

pub fn an_exact_sku_is_one_result(open: &Open) {
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("AB 12 AB 12 AB 12"),
            product(2).titled("cable").with(&[color("red")], &[usd(1)]).with_sku("AB-12"),
            product(3).titled("plug").with_sku("AB-12-3"),
            product(4).titled("socket").with_sku("##"),
            product(5).titled("4006381333931").with_sku("4006381333931"),
            product(6).titled("like 4006381333931").with_sku("cable"),
        ],
    );
    for text in ["AB-12", "ab-12", " Ab-12 "] {
        assert_eq!(fixture.find(all().words(text)), "2", "{text}");
    }
    assert_eq!(fixture.find(all().words("4006381333931")), "5");
    assert_eq!(fixture.find(all().words("##")), "4");
    // With a blank it may also be words; a SKU that only begins so comes last.
    assert_eq!(fixture.find(all().words("AB 12")), "2 1 3");
    // A SKU that reads like a word comes first, and the word finds the others too.
    assert_eq!(fixture.find(all().words("cable")), "6 2");
    // The filters and the order of the query apply.
    assert_eq!(fixture.find(all().words("AB-12").only(color("red"))), "2");
    assert_eq!(fixture.find(all().words("AB-12").only(color("blue"))), "");
    assert_eq!(fixture.find(all().words("AB-12").sorted(Sort::Newest)), "2");
}
