//! What an event adds to which counters. The only place that says so: events are counted by it when they come, and again for a repair.

use crate::domain::event::{Horizon, TrackedEvent};
use chrono::{DateTime, DurationRound, NaiveDate, NaiveTime, TimeDelta, Utc};
use kernel::currency::Currency;
use std::collections::BTreeMap;

/// The event type of counters of sessions and customers whatever they did, and of all events of a product.
pub const ANY: &str = "any";

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// All events.
    All,
    /// Customers.
    Customer,
    /// Events of a page.
    Page,
    /// Events of a product.
    Product,
    /// Sessions.
    Session,
    /// Events of a search term.
    Term,
}

/// Length of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grain {
    /// A day.
    Day,
    /// An hour.
    Hour,
    /// A minute.
    Minute,
}

/// Names a counter. Its order is that in which counters are written, so that two writers do not wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What is counted.
    pub dimension: Dimension,
    /// Length of the bucket.
    pub grain: Grain,
    /// When the bucket begins.
    pub bucket: DateTime<Utc>,
    /// Product, term or path; empty for the other dimensions.
    pub value: String,
    /// Name of the type of the events.
    pub event_type: &'static str,
    /// ISO 4217 code of the amounts; empty: none.
    pub currency: &'static str,
}

/// A counter, or what is added to one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Events, sessions or customers.
    pub events: i64,
    /// Pieces.
    pub units: i64,
    /// Minor units.
    pub amount: i64,
}

/// Counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters(pub BTreeMap<Key, Count>);

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::All, Self::Customer, Self::Page, Self::Product, Self::Session, Self::Term];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Customer => "customer",
            Self::Page => "page",
            Self::Product => "product",
            Self::Session => "session",
            Self::Term => "term",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }
}

impl Grain {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Day, Self::Hour, Self::Minute];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }

    /// When the bucket of an instant begins.
    pub fn bucket(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let length = match self {
            Self::Day => return start(at.date_naive()),
            Self::Hour => TimeDelta::hours(1),
            Self::Minute => TimeDelta::minutes(1),
        };
        at.duration_trunc(length).unwrap_or(at)
    }
}

/// The currency of a counter; none: there is no such currency.
pub fn currency(code: &str) -> Option<&'static str> {
    match code {
        "" => Some(""),
        code => Currency::parse(code).ok().map(Currency::code),
    }
}

/// When a day begins.
pub fn start(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

impl Counters {
    /// Counts an event.
    pub fn count(&mut self, event: &TrackedEvent, horizon: Horizon) {
        let (currency, total) = match event.total {
            Some(total) => (total.currency.code(), total.minor),
            None => ("", 0),
        };
        let total = Count { events: 1, units: 0, amount: total };
        if event.day() >= horizon.oldest_minutes() {
            self.add_in(Dimension::All, Grain::Minute, event, "", currency, total);
        }
        let products = products(event);
        for grain in [Grain::Hour, Grain::Day] {
            self.add_in(Dimension::All, grain, event, "", currency, total);
            let one = Count { events: 1, ..Count::default() };
            if let Some(term) = &event.term {
                self.add_in(Dimension::Term, grain, event, term, "", one);
            }
            if let Some(page) = &event.page {
                self.add_in(Dimension::Page, grain, event, page, "", one);
            }
            for (product, count) in &products {
                self.add_in(Dimension::Product, grain, event, product, currency, *count);
            }
        }
    }

    /// Counts a session or a customer on a day, as having had such an event.
    pub fn count_distinct(
        &mut self,
        dimension: Dimension,
        day: NaiveDate,
        event_type: &'static str,
    ) {
        let (grain, bucket) = (Grain::Day, start(day));
        let key = Key { dimension, grain, bucket, value: String::new(), event_type, currency: "" };
        self.add(key, Count { events: 1, ..Count::default() });
    }

    /// These, and for each product of a bucket the sum over types and currencies, which lists of all products are made from.
    #[must_use]
    pub fn with_totals(mut self) -> Self {
        let products = self.0.iter().filter(|(key, _)| key.dimension == Dimension::Product);
        let totals: Vec<(Key, Count)> = products
            .map(|(key, count)| {
                let total = Key { event_type: ANY, currency: "", ..key.clone() };
                (total, Count { amount: 0, ..*count })
            })
            .collect();
        totals.into_iter().for_each(|(key, count)| self.add(key, count));
        self
    }

    /// Adds to a counter.
    pub fn add(&mut self, key: Key, count: Count) {
        let own = self.0.entry(key).or_default();
        own.events += count.events;
        own.units += count.units;
        own.amount += count.amount;
    }

    /// What has to be added to other counters to make them these; counters that are equal are left out.
    pub fn minus(mut self, others: &Self) -> Self {
        for (key, count) in &others.0 {
            let negative =
                Count { events: -count.events, units: -count.units, amount: -count.amount };
            self.add(key.clone(), negative);
        }
        self.0.retain(|_, count| *count != Count::default());
        self
    }

    fn add_in(
        &mut self,
        dimension: Dimension,
        grain: Grain,
        event: &TrackedEvent,
        value: &str,
        currency: &'static str,
        count: Count,
    ) {
        let (bucket, value) = (grain.bucket(event.occurred_at), value.to_owned());
        let event_type = event.kind.name;
        self.add(Key { dimension, grain, bucket, value, event_type, currency }, count);
    }
}

/// The products of an event, each counted once, with the pieces and amounts of its lines.
fn products(event: &TrackedEvent) -> BTreeMap<String, Count> {
    let mut products: BTreeMap<String, Count> = BTreeMap::new();
    if let Some(product) = event.product {
        products.insert(product.to_string(), Count { events: 1, ..Count::default() });
    }
    for item in &event.items {
        let own = products.entry(item.product.to_string()).or_default();
        own.events = 1;
        own.units += item.quantity;
        own.amount += item.amount.map_or(0, |amount| amount.minor);
    }
    products
}
