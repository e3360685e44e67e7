//! Pages and limits.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Open;
use super::fixture::{Fixture, Narrow, all, color, day, facet, product, usd};
use crate::engine::document::Document;
use crate::engine::hits::Hits;
use crate::engine::query::{
    After, AttributeCondition, Facet, MAX_ATTRIBUTE_FILTERS, MAX_FILTER_VALUES, MAX_HITS,
    MAX_LIMIT, MAX_WORDS, Query, Sort, StateId,
};
use crate::engine::{Change, Checkpoint, Engine, EngineError};

const SORTS: [Sort; 4] =
    [Sort::Relevance, Sort::PriceAscending, Sort::PriceDescending, Sort::Newest];

/// Each number has its own length of title, and so its own score for `lamp`.
fn lamp(number: u128) -> Document {
    let amount = (number as i64 * 37) % 11;
    let title = format!("lamp{}", " of steel".repeat(number as usize % 7));
    let document = product(number).titled(&title).created(day(number as i64 % 5));
    document.with(&[color("red")], &[usd(amount)])
}

fn ids(pages: &[Hits]) -> Vec<u128> {
    pages.iter().flat_map(|page| &page.hits).map(|hit| hit.product_id.as_u128()).collect()
}

pub fn pages_add_up(open: &Open) {
    let mut fixture = Fixture::new(open(), (1..=40).map(lamp));
    fixture.put((41..=57).map(lamp));
    for sort in SORTS {
        let sorted = || all().in_usd().words("lamp").sorted(sort);
        let all_hits = fixture.query(sorted().first(100));
        assert_eq!((all_hits.total, all_hits.hits.len()), (57, 57));
        assert_eq!(all_hits.next(57), None);
        let pages = fixture.pages(&sorted().first(10), |_| ());
        assert!(pages.iter().all(|page| page.total == 57));
        let sizes: Vec<usize> = pages.iter().map(|page| page.hits.len()).collect();
        assert_eq!(sizes, [10, 10, 10, 10, 10, 7]);
        assert_eq!(
            pages.into_iter().flat_map(|page| page.hits).collect::<Vec<_>>(),
            all_hits.hits,
            "{sort:?}"
        );
        // A page that was shown in part is continued behind that, even the last one.
        let rest = fixture.query(sorted().after(all_hits.next(55).unwrap()));
        assert_eq!(rest.hits, all_hits.hits[55..], "{sort:?}");
    }
    let only_counts = fixture.query(all().first(0).count(facet("color"), 9));
    assert_eq!((only_counts.total, only_counts.hits.len()), (57, 0));
    assert_eq!(only_counts.next(0), None);
    assert_eq!(only_counts.facets[0].values[0].count, 57);
}

pub fn changes_between_pages(open: &Open) {
    let mut fixture = Fixture::new(open(), []);
    let remove = |number: u128| Change::Remove(Uuid::from_u128(number));
    for (words, sort) in ["", "lamp"].into_iter().flat_map(|words| SORTS.map(|sort| (words, sort)))
    {
        fixture.put((1..=80).map(lamp));
        let query = all().in_usd().words(words).sorted(sort).first(7);
        let before = ids(&[fixture.query(query.clone().first(80))]);
        let (mut step, mut added) = (0, Vec::new());
        let pages = fixture.pages(&query, |fixture| {
            step += 1;
            let new = 1_000 * step..1_000 * step + 5;
            let indexed_again = (1..=80).filter(|number| number % 3 == step % 3);
            added.extend(new.clone());
            let put = new.chain(indexed_again).map(|number| Change::Put(Box::new(lamp(number))));
            fixture.change(put.chain([remove(step * 4)]));
        });
        let shown = ids(&pages);
        let distinct: BTreeSet<u128> = shown.iter().copied().collect();
        assert_eq!(distinct.len(), shown.len(), "{sort:?} {words}: none is shown twice");
        let stayed =
            |number: &u128| *number <= 80 && (!number.is_multiple_of(4) || *number > step * 4);
        let expected: Vec<u128> = before.into_iter().filter(stayed).collect();
        let shown: Vec<u128> = shown.into_iter().filter(stayed).collect();
        assert_eq!(shown, expected, "{sort:?} {words}: none is left out");
        assert_eq!(pages.iter().all(|page| page.total == 80), query.is_by_score());
        fixture.change(added.into_iter().map(remove));
    }
}

/// As of the first page's instant, whatever begins meanwhile and whenever a document is indexed.
pub fn prices_as_of_the_first_page(open: &Open) {
    let on_sale = |number: u128| {
        let amount = 100 * number as i64;
        let sale = usd(10_000 - amount).within(1, None);
        product(number).with(&[], &[usd(amount).within(None, 1), sale])
    };
    let mut fixture = Fixture::new(open(), (1..=9).map(on_sale));
    let query = all().in_usd().sorted(Sort::PriceAscending).first(2);
    let mut number = 0;
    let pages = fixture.pages(&query, |fixture| {
        number += 1;
        fixture.put([on_sale(number).priced(day(2)), on_sale(10 - number).priced(day(2))]);
    });
    assert_eq!(ids(&pages), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let amounts = pages.iter().flat_map(|page| &page.hits).map(|hit| hit.amount_minor);
    assert!(amounts.eq((1..=9).map(|number| Some(100 * number))));
    assert_eq!(ids(&[fixture.query(query.on_day(2))]), [9, 8]);
}

/// By score a page shows the state of the one before, even if that is of an index that was replaced.
pub fn a_state_outlives_its_index(open: &Open) {
    let fixture = Fixture::new(open(), (1..=9).map(lamp));
    let query = || all().words("lamp").first(5);
    let all_hits = fixture.query(query().first(9));
    let first = fixture.query(query());
    let rebuild = fixture.engine.rebuild().unwrap();
    let changes = vec![Change::Put(Box::new(lamp(99)))];
    rebuild.index(changes, Checkpoint { revision: 9, epoch: 1 }).unwrap();
    rebuild.swap().unwrap();
    assert_eq!(fixture.find(query()), "99");
    let second = fixture.query(query().after(first.next(5).unwrap()));
    assert_eq!((second.total, &second.hits[..]), (9, &all_hits.hits[5..]));
}

pub fn an_unknown_state_is_refused(open: &Open) {
    let query = || all().words("lamp").first(1);
    let expired = |engine: &dyn Engine, after| {
        let refused = engine.query(&query().after(after));
        matches!(refused, Err(EngineError::Expired))
    };
    let fixture = Fixture::new(open(), (1..=3).map(lamp));
    let after = fixture.query(query()).next(1).unwrap();
    let state = after.state.unwrap();
    let of_another = StateId { keeper: Uuid::now_v7(), ..state };
    assert!(expired(fixture.engine.as_ref(), After { state: Some(of_another), ..after }));
    let never = StateId { number: state.number + 1, ..state };
    assert!(expired(fixture.engine.as_ref(), After { state: Some(never), ..after }));
    assert!(!expired(fixture.engine.as_ref(), after));
    drop(fixture);
    assert!(expired(open().as_ref(), after));
}

/// A page by score, behind so many hits.
fn by_score(served: usize, first: Option<After>) -> Query {
    let nowhere = After { rank: 0, product_id: Uuid::nil(), state: None, served: 0 };
    all().words("product").after(After { served: served as u64, ..first.unwrap_or(nowhere) })
}

pub fn only_scores_have_a_last_page(open: &Open) {
    let count = MAX_HITS as u128 + 3;
    let mut fixture = Fixture::new(open(), (1..=count).map(product));
    for sort in SORTS {
        let query = all().in_usd().sorted(sort).first(MAX_LIMIT);
        let ids = ids(&fixture.pages(&query, |_| ()));
        assert!(ids.into_iter().eq(1..=count), "{sort:?}");
    }
    let first = fixture.query(all().words("product").first(1)).next(1);
    let last = fixture.query(by_score(MAX_HITS - 2, first).first(2));
    assert_eq!((last.hits.len(), last.next(2)), (2, None));
    assert_eq!(last.next(1).map(|after| after.served), Some(MAX_HITS as u64 - 1));
    let before = fixture.query(by_score(MAX_HITS - 3, first).first(2));
    assert_eq!(before.next(2).map(|after| after.served), Some(MAX_HITS as u64 - 1));
}

pub fn limits_are_refused(open: &Open) {
    let fixture = Fixture::new(open(), [product(1)]);
    let check = |query: Query| {
        let refused = fixture.engine.query(&query);
        assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
    };
    check(by_score(MAX_HITS, None).first(1));
    check(by_score(MAX_HITS - 1, None).first(2));
    check(all().first(MAX_LIMIT + 1));
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
