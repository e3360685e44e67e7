//! What is indexed, kept and replaced.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use uuid::Uuid;

use super::Open;
use super::fixture::{Fixture, all, color, facet, product, usd};
use crate::engine::document::Document;
use crate::engine::{Change, Checkpoint, Engine, EngineError};

fn put(products: impl IntoIterator<Item = Document>) -> Vec<Change> {
    products.into_iter().map(|product| Change::Put(Box::new(product))).collect()
}

fn remove(number: u128) -> Change {
    Change::Remove(Uuid::from_u128(number))
}

fn at_revision(revision: i64) -> Checkpoint {
    Checkpoint { revision, epoch: 1 }
}

fn total(engine: &dyn Engine) -> u64 {
    engine.query(&all()).unwrap().total
}

pub fn replace_and_remove(open: &Open) {
    let red = |number| product(number).titled("old").with(&[color("red")], &[]);
    let mut fixture = Fixture::new(open(), [red(1), red(2), red(3)]);
    let mut changed = product(2).titled("new").with(&[color("blue")], &[]);
    changed.revision = 8;
    fixture.change([Change::Put(Box::new(changed)), remove(3), remove(99)]);
    assert_eq!(fixture.find(all()), "1 2");
    assert_eq!(fixture.find(all().words("old")), "1");
    assert_eq!(fixture.find(all().words("new")), "2");
    assert_eq!(fixture.count(all().count(facet("color"), 9)), "blue 1, red 1");
    assert_eq!(fixture.query(all()).hits[1].revision, 8);
    let id = Uuid::from_u128;
    let inventory = |after: Option<Uuid>, limit| fixture.engine.inventory(after, limit).unwrap();
    assert_eq!(inventory(None, 9), [(id(1), 1), (id(2), 8)]);
    assert_eq!(inventory(None, 1), [(id(1), 1)]);
    assert_eq!(inventory(Some(id(1)), 1), [(id(2), 8)]);
    assert_eq!(inventory(Some(id(2)), 1), []);
    assert_eq!(fixture.engine.stats().unwrap().documents, 2);

    // Of several changes of one product in a batch the last one wins.
    let twice = |number| put([product(number).titled("first"), product(number).titled("last")]);
    let mut batch = twice(4);
    batch.extend(twice(5));
    batch.extend([remove(5), remove(6)]);
    batch.extend(put([product(6).titled("last")]));
    fixture.change(batch);
    assert_eq!(fixture.find(all()), "1 2 4 6");
    assert_eq!(fixture.find(all().words("first")), "");
}

pub fn reopening(open: &Open) {
    let engine = open();
    assert_eq!(engine.stats().unwrap().checkpoint, Checkpoint::default());
    assert_eq!(total(engine.as_ref()), 0);
    engine.index(put([product(1), product(2)]), at_revision(5)).unwrap();
    // A checkpoint may move without a change of any product, and to another epoch of the table.
    let checkpoint = Checkpoint { revision: 7, epoch: 2 };
    engine.index(Vec::new(), checkpoint).unwrap();
    assert_eq!(engine.stats().unwrap().checkpoint, checkpoint);
    drop(engine);

    let fixture = Fixture::of(open());
    assert_eq!(fixture.find(all()), "1 2");
    assert_eq!(fixture.engine.stats().unwrap().checkpoint, checkpoint);
    fixture.engine.index(vec![remove(1)], at_revision(8)).unwrap();
    drop(fixture);
    let engine = open();
    let stats = engine.stats().unwrap();
    assert_eq!((stats.documents, stats.checkpoint), (1, at_revision(8)));
    assert!(stats.bytes > 0);
}

/// Queries continuously while `what` runs, and returns the different totals in their order.
fn totals_during(engine: &dyn Engine, what: impl FnOnce()) -> Vec<u64> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let querying = scope.spawn(|| {
            let mut totals = Vec::new();
            loop {
                let was_over = is_over.load(Ordering::SeqCst);
                let answer = engine.query(&all().count(facet("color"), 9)).unwrap();
                let counted: u64 = answer.facets[0].values.iter().map(|value| value.count).sum();
                assert_eq!(counted, answer.total, "facets and hits are of one state");
                totals.push(answer.total);
                totals.dedup();
                if was_over {
                    return totals;
                }
            }
        });
        what();
        is_over.store(true, Ordering::SeqCst);
        querying.join().unwrap()
    })
}

fn colored(numbers: impl Iterator<Item = u128>) -> Vec<Change> {
    put(numbers.map(|number| product(number).with(&[color("red")], &[usd(1)])))
}

pub fn a_batch_shows_at_once(open: &Open) {
    let engine = open();
    engine.index(colored(0..300), at_revision(1)).unwrap();
    let totals = totals_during(engine.as_ref(), || {
        let mut batch = colored(300..1_000);
        batch.extend((0..200).map(remove));
        engine.index(batch, at_revision(2)).unwrap();
    });
    assert!(totals == [300, 800] || totals == [800], "{totals:?}");
}

pub fn a_rebuild_shows_when_swapped(open: &Open) {
    let engine = open();
    engine.index(put([product(1).titled("old"), product(2)]), at_revision(1)).unwrap();
    let rebuild = engine.rebuild().unwrap();
    assert_eq!(rebuild.stats().unwrap().checkpoint, Checkpoint::default());
    rebuild.index(put([product(1).titled("new")]), at_revision(1)).unwrap();
    // The live index goes on meanwhile.
    engine.index(put([product(3)]), at_revision(2)).unwrap();
    rebuild.index(put([product(3), product(4)]), at_revision(3)).unwrap();
    let live = engine.stats().unwrap();
    assert_eq!((live.documents, live.checkpoint), (3, at_revision(2)));
    let rebuilt = rebuild.stats().unwrap();
    assert_eq!((rebuilt.documents, rebuilt.checkpoint), (3, at_revision(3)));

    rebuild.swap().unwrap();
    let fixture = Fixture::of(engine);
    assert_eq!(fixture.find(all()), "1 3 4");
    assert_eq!(fixture.find(all().words("old")), "");
    fixture.engine.index(put([product(5)]), at_revision(4)).unwrap();
    drop(fixture);
    let engine = open();
    assert_eq!(total(engine.as_ref()), 4);
    assert_eq!(engine.stats().unwrap().checkpoint, at_revision(4));
}

pub fn a_swap_is_atomic(open: &Open) {
    let engine = open();
    engine.index(colored(0..100), at_revision(1)).unwrap();
    let totals = totals_during(engine.as_ref(), || {
        for (round, size) in (2..).zip([150, 200, 250]) {
            let rebuild = engine.rebuild().unwrap();
            for part in 0..5 {
                let numbers = (part * size / 5)..((part + 1) * size / 5);
                rebuild.index(colored(numbers), at_revision(round)).unwrap();
            }
            rebuild.swap().unwrap();
        }
    });
    let is_committed = |total: &u64| [100, 150, 200, 250].contains(total);
    assert!(totals.is_sorted() && totals.iter().all(is_committed), "{totals:?}");
    assert_eq!(totals.last(), Some(&250));
}

pub fn a_rebuild_behind_is_refused(open: &Open) {
    let engine = open();
    engine.index(put([product(1)]), at_revision(9)).unwrap();
    let behind = engine.rebuild().unwrap();
    behind.index(put([product(2)]), at_revision(8)).unwrap();
    let refused = behind.swap();
    assert!(matches!(refused, Err(EngineError::Behind { rebuilt: 8, live: 9 })), "{refused:?}");
    assert_eq!(engine.stats().unwrap().checkpoint, at_revision(9));
    // Revisions of different epochs are not comparable.
    let anew = engine.rebuild().unwrap();
    anew.index(put([product(2), product(3)]), Checkpoint { revision: 2, epoch: 2 }).unwrap();
    anew.swap().unwrap();
    assert_eq!(total(engine.as_ref()), 2);
}

pub fn a_rebuild_given_up(open: &Open) {
    let engine = open();
    engine.index(put([product(1)]), at_revision(1)).unwrap();
    let given_up = engine.rebuild().unwrap();
    given_up.index(put([product(2)]), at_revision(2)).unwrap();
    drop(given_up);
    let one = engine.rebuild().unwrap();
    let other = engine.rebuild().unwrap();
    one.index(put([product(3), product(4)]), at_revision(3)).unwrap();
    other.index(put([product(5)]), at_revision(3)).unwrap();
    drop(other);
    assert_eq!(total(engine.as_ref()), 1);
    one.swap().unwrap();
    drop(engine);
    assert_eq!(total(open().as_ref()), 2);
}
