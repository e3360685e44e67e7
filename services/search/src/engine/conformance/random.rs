//! Random products and queries, answered as the model answers them, through batches, replacements,
//! removals and whatever merging the engine does meanwhile.

use std::collections::BTreeMap;

use kernel::price::PriceRow;
use uuid::Uuid;

use super::Open;
use super::fixture::{
    Fixture, Narrow, all, color, currency, date, day, facet, money, number, product, size, usd,
};
use super::model::{self, Answer};
use crate::engine::Change;
use crate::engine::document::{Attribute, AttributeKind, Document};
use crate::engine::query::{AttributeCondition, Facet, Query, Sort};

const BATCHES: u64 = 40;
const QUERIES_PER_BATCH: u64 = 25;
const WORDS: [&str; 6] = ["lamp", "chair lamp", "sofa", "lam", "des lamp", "lamp sofa desk"];

pub fn as_the_model_answers(open: &Open) {
    let mut fixture = Fixture::new(open(), []);
    let mut documents: BTreeMap<Uuid, Document> = BTreeMap::new();
    for batch in 0..BATCHES {
        let mut dice = Dice::new(batch);
        let changes: Vec<Change> =
            (0..dice.roll(12)).map(|_| change(&mut dice, &mut documents)).collect();
        fixture.change(changes);
        for question in 0..QUERIES_PER_BATCH {
            let query = question_of(&mut dice);
            let mut served = 0;
            for page in fixture.pages(&query, |_| ()) {
                let hits = page.hits.iter();
                let answer = Answer {
                    total: page.total,
                    widened: page.widened,
                    hits: hits
                        .map(|hit| (hit.product_id, hit.variant_id, hit.amount_minor))
                        .collect(),
                    facets: page.facets.clone(),
                };
                let expected = model::answer(documents.values(), &query, served);
                assert_eq!(answer, expected, "batch {batch}, question {question}: {query:#?}");
                served += page.hits.len();
                let is_last = served as u64 == page.total;
                assert_eq!(page.next(page.hits.len()).is_none(), is_last || page.hits.is_empty());
            }
        }
    }
}

/// Splitmix64: the same sequence every time.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// One of so many numbers from 0 on.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len() as u64) as usize].clone()
    }
}

fn change(dice: &mut Dice, documents: &mut BTreeMap<Uuid, Document>) -> Change {
    let number = 1 + dice.roll(60) as u128;
    if dice.one_in(6) {
        documents.remove(&Uuid::from_u128(number));
        return Change::Remove(Uuid::from_u128(number));
    }
    let document = document(dice, number);
    documents.insert(document.product_id, document.clone());
    Change::Put(Box::new(document))
}

fn document(dice: &mut Dice, number: u128) -> Document {
    let word = dice.pick(&["lamp", "desk", "lamp desk", "chair"]);
    let mut document =
        product(number).titled(word).created(day(dice.roll(9) as i64)).priced(day_of(dice));
    if !dice.one_in(5) {
        document = document.of_brand(dice.pick(&["A", "B", "C"]));
    }
    let categories = dice.pick(&[&[][..], &[1], &[1, 2], &[1, 2, 3], &[4]]);
    document = document.in_categories(categories);
    let of_product: Vec<PriceRow<String>> =
        (0..dice.roll(4)).map(|_| price(dice).of_product()).collect();
    let common: Vec<Attribute> = (0..dice.roll(3)).map(|_| attribute(dice)).collect();
    let variants = if dice.one_in(20) { 60 + dice.roll(80) } else { dice.roll(5) };
    let is_tracked = dice.one_in(2);
    for _ in 0..variants {
        let mut prices: Vec<_> = (0..dice.roll(4)).map(|_| price(dice)).collect();
        prices.extend(of_product.iter().cloned());
        let mut attributes: Vec<_> = (0..dice.roll(4)).map(|_| attribute(dice)).collect();
        attributes.extend(common.iter().cloned());
        document = document.with(&attributes, &prices);
        if is_tracked {
            document = document.stocked(dice.pick(&[&[][..], &["W1"], &["W2"], &["W1", "W2"]]));
        }
    }
    document.is_tracked = is_tracked;
    document
}

fn attribute(dice: &mut Dice) -> Attribute {
    match dice.roll(5) {
        0 => color(dice.pick(&["red", "reddish", "blue", "green"])),
        1 => size(dice.pick(&["S", "M"])),
        2 => number("n", dice.pick(&[-7.5, 0.0, 1.0, 300.0])),
        3 => date("d", dice.pick(&[1960, 1999, 2024])),
        _ => money("m", dice.pick(&["USD", "EUR"]), dice.pick(&[-5, 0, 700])),
    }
}

fn price(dice: &mut Dice) -> PriceRow<String> {
    let mut row = usd(10 * dice.roll(30) as i64);
    if dice.one_in(3) {
        row = row.eur();
    }
    if dice.one_in(4) {
        row = row.at_warehouse(dice.pick(&["W1", "W2"]));
    }
    if dice.one_in(6) {
        row = row.on_channel(dice.pick(&["app", "W1"]));
    }
    if dice.one_in(6) {
        row = row.in_country("DE");
    }
    let from = dice.roll(20) as i64;
    match dice.roll(6) {
        0 => row.within(from, None),
        1 => row.within(None, from),
        2 => row.within(from, from + 5),
        _ => row,
    }
}

fn day_of(dice: &mut Dice) -> chrono::DateTime<chrono::Utc> {
    day(dice.roll(25) as i64)
}

fn question_of(dice: &mut Dice) -> Query {
    let mut query = all().at(day_of(dice)).first(1 + dice.roll(40) as usize);
    query = query.sorted(dice.pick(&[Sort::Relevance, Sort::Newest]));
    if !dice.one_in(4) {
        query = query.in_currency(dice.pick(&["USD", "EUR", "JPY"]));
        query = with_prices(dice, query);
    }
    if dice.one_in(4) {
        query = query.words(dice.pick(&WORDS)).sorted(Sort::Newest);
    }
    if dice.one_in(4) {
        query = query.only_brand(dice.pick(&["A", "B", "D"]));
    }
    for _ in 0..dice.roll(3) {
        query = query.only_category(dice.pick(&[1, 2, 3, 4, 5]));
    }
    for _ in 0..dice.roll(3) {
        query = query.only(dice.pick(&[color("red"), color("pink"), size("M"), number("n", 1.0)]));
    }
    if dice.one_in(5) {
        let between = AttributeCondition::NumberBetween { min: Some(-7.5), max: Some(1.0) };
        query = query.only_if("n", between);
    }
    if dice.one_in(4) {
        query = query.only_in_stock(dice.one_in(2));
    }
    if dice.one_in(4) {
        query = query.stock_of(dice.pick(&["W1", "W2", "W3"]));
    }
    if dice.one_in(5) {
        let currency = currency(dice.pick(&["USD", "EUR", "JPY"]));
        let (min, max) = dice.pick(&[(Some(0), None), (None, Some(0)), (None, None)]);
        query = query.only_if("m", AttributeCondition::MoneyBetween { currency, min, max });
    }
    let numbers = Facet::Attribute { code: "n".to_owned(), kind: AttributeKind::Number };
    let amounts = Facet::Attribute { code: "m".to_owned(), kind: AttributeKind::Money };
    let facets = [
        Facet::Brand,
        Facet::Category,
        Facet::InStock,
        facet("color"),
        facet("size"),
        numbers,
        amounts,
    ];
    for facet in facets {
        if dice.one_in(2) {
            query = query.count(facet, dice.roll(5) as usize);
        }
    }
    query
}

fn with_prices(dice: &mut Dice, mut query: Query) -> Query {
    if dice.one_in(2) {
        query = query.sorted(dice.pick(&[Sort::PriceAscending, Sort::PriceDescending]));
    }
    if dice.one_in(3) {
        query = query.served_by(dice.pick(&["W1", "W2", "W3"]));
    }
    if dice.one_in(4) {
        query = query.through_channel("app");
    }
    if dice.one_in(4) {
        query = query.sent_to(dice.pick(&["DE", "FR"]));
    }
    if dice.one_in(3) {
        query = query.only_price(50, 50 + 10 * dice.roll(20) as i64);
    }
    query
}
