//! Pages and limits.

use super::Open;
use super::fixture::{Fixture, all, color, facet, product, usd};
use crate::engine::EngineError;
use crate::engine::query::{
    AttributeCondition, Facet, MAX_ATTRIBUTE_FILTERS, MAX_FILTER_VALUES, MAX_HITS, MAX_LIMIT,
    MAX_WORDS, Query, Sort,
};

pub fn pages_add_up(open: &Open) {
    let product_of = |number: u128| {
        let amount = (number as i64 * 37) % 11;
        product(number).titled("lamp").with(&[color("red")], &[usd(amount)])
    };
    let mut fixture = Fixture::new(open(), (1..=40).map(product_of));
    fixture.put((41..=57).map(product_of));
    for sort in [Sort::Relevance, Sort::PriceAscending, Sort::PriceDescending, Sort::Newest] {
        let sorted = || all().in_usd().words("lamp").sorted(sort);
        let all_hits = fixture.query(sorted().page(0, 100));
        assert_eq!((all_hits.total, all_hits.hits.len()), (57, 57));
        let mut pages = Vec::new();
        for page in 0..=6 {
            let answer = fixture.query(sorted().page(page * 10, 10));
            assert_eq!(answer.total, 57);
            pages.extend(answer.hits);
        }
        assert_eq!(pages, all_hits.hits, "{sort:?}");
    }
    assert_eq!(fixture.query(all().page(57, 10)).hits, []);
    assert_eq!(fixture.query(all().page(MAX_HITS - MAX_LIMIT, MAX_LIMIT)).total, 57);
    let only_counts = fixture.query(all().page(0, 0).count(facet("color"), 9));
    assert_eq!((only_counts.total, only_counts.hits.len()), (57, 0));
    assert_eq!(only_counts.facets[0].values[0].count, 57);
}

pub fn limits_are_refused(open: &Open) {
    let fixture = Fixture::new(open(), [product(1)]);
    let check = |query: Query| {
        let refused = fixture.engine.query(&query);
        assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
    };
    check(all().page(MAX_HITS, 1));
    check(all().page(MAX_HITS - 1, 2));
    check(all().page(0, MAX_LIMIT + 1));
    check(all().words(&"a ".repeat(MAX_WORDS + 1)));
    check(all().sorted(Sort::PriceAscending));
    check(all().only_price(1, 2));
    check(all().count(Facet::Price(Vec::new()), 9));
    check(all().only_if("color", AttributeCondition::AnyOf(Vec::new())));
    let of_two_kinds = vec![color("red").value, super::fixture::number("n", 1.0).value];
    check(all().only_if("color", AttributeCondition::AnyOf(of_two_kinds)));
    check((0..=MAX_FILTER_VALUES).fold(all(), |query, at| query.only_category(at as u128)));
    check((0..=MAX_FILTER_VALUES).fold(all(), |query, at| query.only(color(&at.to_string()))));
    let too_many = MAX_ATTRIBUTE_FILTERS + 1;
    check((0..too_many).fold(all(), |query, _| query.count(Facet::Brand, 1)));
    let any = || AttributeCondition::AnyOf(vec![color("red").value]);
    check((0..too_many).fold(all(), |query, _| query.only_if("color", any())));
}
