//! Rows and contexts for the tests of this module. They have few distinct values, so that scopes
//! often match, windows often touch and amounts are often equal.

use std::ops::Range;

use chrono::{DateTime, Utc};
use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

use crate::{
    currency::Currency,
    price::{Level, PriceContext, PriceRow, Scope},
    window::Window,
};

/// The range of seconds for generated windows and contexts.
pub(super) const SECONDS: Range<i64> = 0..8;

pub(super) fn second(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

pub(super) fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

/// Anonymous, in USD, at second 0.
pub(super) fn context() -> PriceContext<'static, u32> {
    PriceContext::new(currency("USD"), second(0))
}

/// [`context`], changed.
pub(super) fn context_with(
    change: impl FnOnce(&mut PriceContext<'static, u32>),
) -> PriceContext<'static, u32> {
    let mut context = context();
    change(&mut context);
    context
}

/// An undated, unscoped price of the SKU: 1.00 USD.
pub(super) fn row(id: u128) -> PriceRow<u32> {
    PriceRow {
        id: Uuid::from_u128(id),
        level: Level::Sku,
        currency: currency("USD"),
        scope: Scope::UNSCOPED,
        window: Window::ALWAYS,
        base: 100,
        sale: None,
    }
}

/// [`row`], changed.
pub(super) fn row_with(id: u128, change: impl FnOnce(&mut PriceRow<u32>)) -> PriceRow<u32> {
    let mut row = row(id);
    change(&mut row);
    row
}

pub(super) fn window(from: Option<i64>, until: Option<i64>) -> Window {
    Window::try_new(from.map(second), until.map(second)).unwrap()
}

/// A context that owns its values, because a strategy cannot generate a borrowed one.
#[derive(Debug, Clone)]
pub(super) struct Question {
    scope: Scope<u32>,
    groups: Vec<u32>,
    currency: Currency,
    second: i64,
}

impl Question {
    pub(super) fn context(&self) -> PriceContext<'_, u32> {
        PriceContext {
            currency: self.currency,
            customer: self.scope.customer.as_ref(),
            groups: &self.groups,
            warehouse: self.scope.warehouse.as_ref(),
            channel: self.scope.channel.as_ref(),
            country: self.scope.country.as_ref(),
            at: second(self.second),
        }
    }
}

pub(super) fn question() -> impl Strategy<Value = Question> {
    let groups = vec(0..3u32, 0..3);
    let parts = (any_scope(4), groups, any_currency(), SECONDS);
    parts.prop_map(|(scope, groups, currency, second)| Question { scope, groups, currency, second })
}

/// Up to a dozen rows with distinct ids.
pub(super) fn rows() -> impl Strategy<Value = Vec<PriceRow<u32>>> {
    vec(any_row(), 0..12).prop_map(|mut rows| {
        for (id, row) in (1..).zip(&mut rows) {
            row.id = Uuid::from_u128(id);
        }
        rows
    })
}

/// The same rows in two orders.
pub(super) fn shuffled_rows() -> impl Strategy<Value = (Vec<PriceRow<u32>>, Vec<PriceRow<u32>>)> {
    rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
}

fn any_row() -> impl Strategy<Value = PriceRow<u32>> {
    let level = prop_oneof![Just(Level::Product), Just(Level::Sku)];
    let amounts = (0..4i64).prop_flat_map(|base| (Just(base), option::of(0..=base)));
    let parts = (level, any_currency(), any_scope(1), any_window(), amounts);
    parts.prop_map(|(level, currency, scope, window, (base, sale))| PriceRow {
        level,
        currency,
        scope,
        window,
        base,
        sale,
        ..row(0)
    })
}

fn any_currency() -> impl Strategy<Value = Currency> {
    prop_oneof![4 => Just("USD"), 1 => Just("EUR")].prop_map(currency)
}

/// Names each dimension in `named` of five cases.
fn any_scope(named: u32) -> impl Strategy<Value = Scope<u32>> {
    let value = || prop_oneof![named => (0..3u32).prop_map(Some), 5 - named => Just(None)];
    let values = (value(), value(), value(), value(), value());
    values.prop_map(|(customer, group, warehouse, channel, country)| Scope {
        customer,
        group,
        warehouse,
        channel,
        country,
    })
}

fn any_window() -> impl Strategy<Value = Window> {
    let edge = || option::of(SECONDS.prop_map(second));
    (edge(), edge()).prop_filter_map("empty", |(from, until)| Window::try_new(from, until).ok())
}
