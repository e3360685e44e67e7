//! Random histories of every operation against a plain model: what may happen happens, what may not is refused, and levels, ledger and
//! reservations agree with the model after each step.

use crate::shop::{Shop, change, quantities};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use warehouse::jobs::sweep_expired;
use warehouse_api::v1::stock_update::Change;

/// What somebody does. Reservations are named by their number.
#[derive(Debug, Clone)]
enum Step {
    Receive(usize, i64),
    Count(usize, i64),
    Reserve(i64, i64),
    Release(usize),
    Commit(usize),
    Fulfill(usize, i64),
    Cancel(usize, i64),
    Pass(i64),
    Sweep,
}

const NAMES: [&str; 2] = ["A", "B"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..2_usize, 1..6_i64).prop_map(|(sku, units)| Step::Receive(sku, units)),
        1 => (0..2_usize, 0..9_i64).prop_map(|(sku, units)| Step::Count(sku, units)),
        4 => (0..4_i64, 0..4_i64).prop_map(|(a, b)| Step::Reserve(a, b)),
        1 => (0..6_usize).prop_map(Step::Release),
        3 => (0..6_usize).prop_map(Step::Commit),
        2 => (0..6_usize, 1..3_i64).prop_map(|(own, units)| Step::Fulfill(own, units)),
        1 => (0..6_usize, 1..3_i64).prop_map(|(own, units)| Step::Cancel(own, units)),
        1 => (1..9_i64).prop_map(Step::Pass),
        1 => Just(Step::Sweep),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Active,
    Committed,
    Done,
}

#[derive(Debug, Clone)]
struct Held {
    id: String,
    /// Units of each SKU that are still open.
    units: [i64; 2],
    state: State,
    until: i64,
}

/// Levels by what was promised and what is there, reservations, and the minutes that passed.
#[derive(Debug, Default)]
struct Model {
    on_hand: [i64; 2],
    held: Vec<Held>,
    now: i64,
}

impl Model {
    fn promised(&self, sku: usize) -> i64 {
        let committed = self.held.iter().filter(|own| own.state == State::Committed);
        committed.map(|own| own.units[sku]).sum()
    }

    fn reserved(&self, sku: usize) -> i64 {
        self.active().map(|own| own.units[sku]).sum()
    }

    fn active(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(|own| own.state == State::Active && own.until > self.now)
    }

    fn free(&self, sku: usize) -> i64 {
        self.on_hand[sku] - self.promised(sku) - self.reserved(sku)
    }

    fn is_free(&self, units: [i64; 2]) -> bool {
        (0..2).all(|sku| units[sku] == 0 || self.free(sku) >= units[sku])
    }
}

async fn run(shop: &Shop, warehouse: &str, model: &mut Model, step: &Step) {
    match *step {
        Step::Receive(sku, units) => {
            shop.receive(NAMES[sku], warehouse, units).await;
            model.on_hand[sku] += units;
        }
        Step::Count(sku, units) => {
            shop.update(change(NAMES[sku], warehouse, Change::Count(units))).await.unwrap();
            model.on_hand[sku] = units;
        }
        Step::Reserve(a, b) => {
            let wanted: Vec<(&str, i64)> =
                NAMES.into_iter().zip([a, b]).filter(|(_, units)| *units > 0).collect();
            if wanted.is_empty() {
                return;
            }
            let made = shop.reserve(&wanted).await;
            assert_eq!(made.is_ok(), model.is_free([a, b]), "{step:?} {model:?}");
            if let Ok(own) = made {
                let until = model.now + 15;
                let id = own.reservation_id;
                model.held.push(Held { id, units: [a, b], state: State::Active, until });
            }
        }
        Step::Release(number) => {
            let Some(own) = model.held.get(number).cloned() else { return };
            let done = shop.release(&own.id).await;
            let is_expired = own.state == State::Active && own.until <= model.now;
            assert_eq!(
                done.is_err(),
                own.state == State::Committed || is_shipped(&done),
                "{own:?}"
            );
            if own.state == State::Active && !is_expired {
                model.held[number].state = State::Done;
            }
        }
        Step::Commit(number) => {
            let Some(own) = model.held.get(number).cloned() else { return };
            let done = shop.commit(&own.id, &own.id).await;
            let is_held = own.until > model.now;
            match own.state {
                State::Active => {
                    let may = is_held || model.is_free(own.units);
                    assert_eq!(done.is_ok(), may, "{step:?} {model:?}");
                    if may {
                        model.held[number].state = State::Committed;
                    }
                }
                State::Committed => assert!(done.is_ok()),
                // Fulfilled is in the target state already, released and cancelled are not.
                State::Done => {}
            }
        }
        Step::Fulfill(number, units) => {
            let Some((own, sku)) = open(model, number) else { return };
            let done = shop.fulfill(&own.id, &[(NAMES[sku], units)]).await;
            let may = own.units[sku] >= units && model.on_hand[sku] >= units;
            assert_eq!(done.is_ok(), may, "{step:?} {model:?}");
            if may {
                model.on_hand[sku] -= units;
                take(&mut model.held[number], sku, units);
            }
        }
        Step::Cancel(number, units) => {
            let Some((own, sku)) = open(model, number) else { return };
            let done = shop.cancel(&own.id, &[(NAMES[sku], units)]).await;
            assert_eq!(done.is_ok(), own.units[sku] >= units, "{step:?} {model:?}");
            if own.units[sku] >= units {
                take(&mut model.held[number], sku, units);
            }
        }
        Step::Pass(minutes) => {
            model.now += minutes;
            shop.pass(model.now, 0);
        }
        Step::Sweep => {
            sweep_expired::round(&shop.app).await.unwrap();
        }
    }
}

/// Whether it was refused because all units were shipped or taken back.
fn is_shipped<T>(done: &Result<T, fault::Fault>) -> bool {
    let state = done.as_ref().err().and_then(|fault| fault.metadata().get("state"));
    state.is_some_and(|state| state == "FULFILLED" || state == "CANCELLED")
}

/// A committed reservation, and a SKU that it has open.
fn open(model: &Model, number: usize) -> Option<(Held, usize)> {
    let own = model.held.get(number).filter(|own| own.state == State::Committed)?;
    let sku = own.units.iter().position(|units| *units > 0)?;
    Some((own.clone(), sku))
}

fn take(own: &mut Held, sku: usize, units: i64) {
    own.units[sku] -= units;
    if own.units == [0, 0] {
        own.state = State::Done;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_history_agrees_with_the_model() {
    let shop = Shop::open().await;
    let runtime = tokio::runtime::Handle::current();
    let shop = std::sync::Arc::new(shop);
    let own = shop.clone();
    tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
        let histories = prop::collection::vec(step(), 1..30);
        runner
            .run(&histories, |steps| {
                runtime.block_on(check(&own, &steps));
                Ok(())
            })
            .unwrap();
    })
    .await
    .unwrap();
    std::sync::Arc::into_inner(shop).unwrap().close().await;
}

/// Runs a history in a warehouse and with SKUs of its own.
async fn check(shop: &Shop, steps: &[Step]) {
    shop.pass(0, 0);
    shop.know(&NAMES).await;
    let code = uuid::Uuid::now_v7().to_string();
    let warehouse = shop.warehouse(&code).await.warehouse_id;
    let mut model = Model::default();
    for step in steps {
        run(shop, &warehouse, &mut model, step).await;
        let levels: BTreeMap<String, _> = NAMES
            .iter()
            .map(|name| ((*name).to_owned(), None))
            .chain(levels(shop, &warehouse).await)
            .collect();
        for (sku, name) in NAMES.iter().enumerate() {
            let wanted = (
                model.on_hand[sku],
                model.promised(sku),
                model.reserved(sku),
                model.free(sku).max(0),
            );
            let own = levels[*name].unwrap_or_default();
            assert_eq!(own, wanted, "{name} after {step:?}: {model:?}");
            assert!(own.3 <= own.0 || own.0 == 0, "more is available than is on hand");
        }
    }
    shop.reconcile().await;
    // The next history finds nothing of this one.
    for sku in NAMES {
        shop.update(change(sku, &warehouse, Change::Count(0))).await.unwrap();
    }
}

async fn levels(shop: &Shop, warehouse: &str) -> Vec<(String, Option<(i64, i64, i64, i64)>)> {
    let mut all = Vec::new();
    for name in NAMES {
        let stock = shop.stock(name).await;
        let own = stock.iter().filter(|own| own.warehouse_id == warehouse);
        all.extend(own.map(|own| (own.sku.clone(), Some(quantities(own)))));
    }
    all
}
