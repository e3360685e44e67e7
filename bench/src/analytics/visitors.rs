//! Events as a shop has them: mostly pages and products, some orders.

use analytics::domain::event::TrackedEvent;
use analytics_api::v1::{self as proto, EventItem, EventType};
use anyhow::Result;
use chrono::{TimeDelta, Utc};
use contracts::types::v1::Money;
use convert::timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// Events of a call.
pub const BATCH: usize = 500;

/// Products of the shop.
const PRODUCTS: usize = 2_000;

/// Of a hundred events, so many are of a type.
const SHARES: [(EventType, usize); 8] = [
    (EventType::PageViewed, 45),
    (EventType::ProductViewed, 30),
    (EventType::PageScroll, 10),
    (EventType::ProductAddedToCart, 7),
    (EventType::CustomerLogin, 3),
    (EventType::OrderCreated, 2),
    (EventType::Purchase, 2),
    (EventType::ProductShared, 1),
];

/// A source of events.
pub struct Visitors {
    random: StdRng,
    /// Visits go on for a while.
    visit: u64,
}

impl Visitors {
    pub fn new(number: usize) -> Self {
        let seed = u64::try_from(number).unwrap_or_default();
        Self { random: StdRng::seed_from_u64(seed), visit: 0 }
    }

    /// A batch of so many days ago, within an hour.
    pub fn messages(&mut self, days: u64) -> Vec<proto::TrackedEvent> {
        self.visit += 1;
        let ago = TimeDelta::days(i64::try_from(days).unwrap_or_default());
        (0..BATCH).map(|_| self.message(ago)).collect()
    }

    /// The same as analytics reads it.
    pub fn events(&mut self, days: u64) -> Result<Vec<TrackedEvent>> {
        let read = |sent| analytics::wire::event(&sent, |_, _| ());
        let events: Result<Vec<TrackedEvent>, _> =
            self.messages(days).into_iter().map(read).collect();
        events.map_err(|fault| anyhow::anyhow!("{fault}"))
    }

    fn message(&mut self, ago: TimeDelta) -> proto::TrackedEvent {
        let at = Utc::now() - ago - TimeDelta::seconds(self.random.random_range(0..600));
        let mut share = self.random.random_range(0..100);
        let event_type = SHARES.iter().find(|(_, own)| {
            let found = share < *own;
            share = share.saturating_sub(*own);
            found
        });
        let event_type = event_type.map_or(EventType::PageViewed, |(event_type, _)| *event_type);
        // Few products have most of the visitors.
        let number =
            self.random.random_range(0..PRODUCTS).min(self.random.random_range(0..PRODUCTS));
        let mut own = proto::TrackedEvent {
            event_id: Uuid::now_v7().to_string(),
            event_type: event_type.into(),
            occurred_at: Some(timestamp(at)),
            session_id: format!("{}-{}", self.visit / 4, self.random.random_range(0..300)),
            ..Default::default()
        };
        let customer = self.random.random_range(0..5_000);
        match event_type {
            EventType::PageViewed | EventType::PageScroll => {
                own.page_path = format!("/products/{number}");
            }
            EventType::CustomerLogin => own.customer_id = customer.to_string(),
            EventType::OrderCreated | EventType::Purchase => {
                own.customer_id = customer.to_string();
                own.order_id.clone_from(&own.event_id);
                own.total = usd(3_000);
                own.items = vec![item(number), item(number / 2)];
            }
            _ => {
                own.product_id = product(number);
                if self.random.random_range(0..3) == 0 {
                    own.search_term = format!("term {}", number % 300);
                }
            }
        }
        own
    }
}

/// Id of a product.
pub fn product(number: usize) -> String {
    Uuid::from_u128(u128::try_from(number).unwrap_or_default()).to_string()
}

fn item(number: usize) -> EventItem {
    EventItem {
        sku: format!("SKU-{number}"),
        product_id: product(number),
        quantity: 1,
        amount: usd(1_500),
    }
}

fn usd(minor_units: i64) -> Option<Money> {
    Some(Money { currency_code: "USD".into(), minor_units: Some(minor_units) })
}
