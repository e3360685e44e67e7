//! What happened in the sample shop: visits of a day, from the first page to a purchase or not. The same day, seed and wares give the same
//! events with the same ids.

use super::random::Random;
use analytics_api::v1::{EventItem, EventType, OrderStatus, TrackedEvent};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};
use contracts::types::v1::Money;
use convert::timestamp;
use kernel::digest::sha256;

/// Something that is sold.
#[derive(Debug, Clone)]
pub struct Ware {
    /// UUID of the product.
    pub product_id: String,
    /// A SKU of it.
    pub sku: String,
    /// What it is called; visitors search for its last word.
    pub title: String,
    /// Price in cents of a dollar.
    pub cents: i64,
}

/// Visits of a day from Monday to Sunday.
const VISITS: [usize; 7] = [120, 115, 125, 130, 160, 210, 190];

/// The purpose of the random numbers, among those of the seed.
const PURPOSE: u64 = 9;

/// All events of a day, visit by visit.
pub fn of_day(seed: u64, day: NaiveDate, wares: &[Ware]) -> Vec<TrackedEvent> {
    let weekday = usize::try_from(day.weekday().num_days_from_monday()).unwrap_or_default();
    let visits = VISITS.get(weekday).copied().unwrap_or_default();
    let number = u32::try_from(day.num_days_from_ce()).unwrap_or_default();
    let mut events = Vec::new();
    for visit in 0..visits {
        let purpose = PURPOSE + (u64::try_from(visit).unwrap_or_default() << 32);
        let random = Random::of(seed, number, purpose);
        let session = format!("{day}-{visit}");
        let mut told = Visit { seed, session, at: begin(day), random, events: Vec::new() };
        told.go(wares);
        events.append(&mut told.events);
    }
    events
}

/// Nobody comes before seven.
fn begin(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(7)
}

struct Visit {
    seed: u64,
    session: String,
    at: DateTime<Utc>,
    random: Random,
    events: Vec<TrackedEvent>,
}

impl Visit {
    fn go(&mut self, wares: &[Ware]) {
        // In the evening there are more.
        let minutes = self.random.between(0, 900).max(self.random.between(0, 900));
        self.at += TimeDelta::minutes(minutes);
        self.page(EventType::PageViewed, "/");
        let mut cart: Vec<&Ware> = Vec::new();
        for _ in 0..self.random.below(5) {
            let Some(ware) = self.favorite(wares) else { break };
            self.look(ware);
            if self.random.percent(25) {
                self.tell(EventType::ProductAddedToCart, |own| about(own, ware));
                cart.push(ware);
            }
        }
        if self.random.percent(10)
            && let Some(ware) = cart.pop()
        {
            self.tell(EventType::ProductRemovedFromCart, |own| about(own, ware));
        }
        if !cart.is_empty() && self.random.percent(55) {
            self.buy(&cart);
        }
        self.page(EventType::PageExit, "/");
    }

    /// Few products have most of the visitors.
    fn favorite<'w>(&mut self, wares: &'w [Ware]) -> Option<&'w Ware> {
        let place = self.random.below(wares.len()).min(self.random.below(wares.len()));
        wares.get(place.min(self.random.below(wares.len())))
    }

    fn look(&mut self, ware: &Ware) {
        let path = format!("/products/{}", ware.product_id);
        let term = match self.random.percent(40) {
            true => ware.title.split(' ').next_back().unwrap_or_default().to_owned(),
            false => String::new(),
        };
        self.page(EventType::PageViewed, &path);
        self.tell(EventType::ProductViewed, |own| {
            about(own, ware);
            own.search_term = term;
        });
        if self.random.percent(50) {
            self.page(EventType::PageScroll, &path);
        }
        for (event_type, share) in
            [(EventType::ProductShared, 3), (EventType::ProductAddedToWishlist, 5)]
        {
            if self.random.percent(share) {
                self.tell(event_type, |own| about(own, ware));
            }
        }
    }

    fn buy(&mut self, cart: &[&Ware]) {
        let customer = format!("customer-{}", self.random.below(400));
        let of_customer = |own: &mut TrackedEvent| own.customer_id.clone_from(&customer);
        let sign_in = match self.random.percent(15) {
            true => EventType::CustomerRegistered,
            false => EventType::CustomerLogin,
        };
        if self.random.percent(4) {
            self.tell(EventType::CustomerPasswordReset, of_customer);
        }
        self.tell(sign_in, of_customer);
        if self.random.percent(8) {
            self.tell(EventType::CustomerProfileUpdated, of_customer);
        }
        let usd = |cents| Some(Money { currency_code: "USD".into(), minor_units: Some(cents) });
        let items: Vec<EventItem> = cart
            .iter()
            .map(|ware| EventItem {
                sku: ware.sku.clone(),
                product_id: ware.product_id.clone(),
                quantity: 1,
                amount: usd(ware.cents),
            })
            .collect();
        let order = |own: &mut TrackedEvent| {
            own.customer_id.clone_from(&customer);
            own.order_id = format!("order-{}", own.session_id);
            own.total = usd(cart.iter().map(|ware| ware.cents).sum());
            own.items.clone_from(&items);
        };
        self.tell(EventType::OrderCreated, order);
        if self.random.percent(90) {
            self.tell(EventType::Purchase, order);
            self.tell(EventType::OrderUpdated, |own| {
                order(own);
                own.set_order_status(OrderStatus::Confirmed);
            });
        }
        if self.random.percent(30) {
            self.tell(EventType::CustomerLogout, of_customer);
        }
    }

    fn page(&mut self, event_type: EventType, path: &str) {
        self.tell(event_type, |own| path.clone_into(&mut own.page_path));
    }

    fn tell(&mut self, event_type: EventType, fill: impl FnOnce(&mut TrackedEvent)) {
        // All within the day: the last visit begins at ten at night.
        self.at += TimeDelta::seconds(self.random.between(2, 90));
        let name = format!("{}/{}/{}", self.seed, self.session, self.events.len());
        let mut event = TrackedEvent {
            event_id: id(&name),
            event_type: event_type.into(),
            occurred_at: Some(timestamp(self.at)),
            session_id: self.session.clone(),
            ..Default::default()
        };
        fill(&mut event);
        self.events.push(event);
    }
}

/// An event is about a ware.
fn about(event: &mut TrackedEvent, ware: &Ware) {
    event.product_id.clone_from(&ware.product_id);
    event.sku.clone_from(&ware.sku);
}

/// A UUID of version 8 that a name always gives.
fn id(name: &str) -> String {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(sha256(name.as_bytes())).for_each(|(own, byte)| *own = byte);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Validate;
    use std::collections::BTreeSet;
    use uuid::Uuid;

    fn wares() -> Vec<Ware> {
        let ware = |number: u128| Ware {
            product_id: Uuid::from_u128(number).to_string(),
            sku: format!("A-{number}"),
            title: "Brass lamp".into(),
            cents: 100,
        };
        (1..50).map(ware).collect()
    }

    #[test]
    fn a_day_is_always_the_same_and_keeps_the_contracts_rules() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 28).unwrap();
        let events = of_day(1, day, &wares());
        assert_eq!(events, of_day(1, day, &wares()));
        assert!((800..5_000).contains(&events.len()), "{}", events.len());
        let (mut ids, mut types) = (BTreeSet::new(), BTreeSet::new());
        for event in &events {
            assert!(event.violations().is_empty(), "{event:?}");
            let at = event.occurred_at.unwrap();
            assert_eq!(DateTime::from_timestamp(at.seconds, 0).unwrap().date_naive(), day);
            assert!(ids.insert(event.event_id.clone()));
            types.insert(event.event_type);
        }
        assert_eq!(types.len(), 16, "of every type");
    }
}
