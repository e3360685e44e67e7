//! An event, and which ones are counted.

use crate::domain::types::{Kind, Producer, Subject};
use analytics_api::v1::{OrderStatus, Reason};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use convert::Fields;
use fault::{Common, Fault};
use kernel::money::Money;
use uuid::Uuid;

/// How far the clock of a sender may be ahead.
const MAX_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// Most minor units of an amount, so that sums of millions of them fit.
const MAX_AMOUNT: i64 = 1_000_000_000_000;

/// Something that happened once.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackedEvent {
    /// Id that the sender made.
    pub id: Uuid,
    /// What happened.
    pub kind: &'static Kind,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Visit of a shop.
    pub session: Option<String>,
    /// The customer.
    pub customer: Option<String>,
    /// The product.
    pub product: Option<Uuid>,
    /// The SKU.
    pub sku: Option<String>,
    /// The order.
    pub order: Option<String>,
    /// Status of the order after it.
    pub status: Option<OrderStatus>,
    /// Total of the order.
    pub total: Option<Money>,
    /// Lines of the order.
    pub items: Vec<Item>,
    /// What was searched for before, folded.
    pub term: Option<String>,
    /// Path of the page.
    pub page: Option<String>,
    /// Names and values, sorted.
    pub properties: Vec<(String, String)>,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// SKU of the variant.
    pub sku: String,
    /// Its product.
    pub product: Uuid,
    /// How many.
    pub quantity: i64,
    /// What all of them cost.
    pub amount: Option<Money>,
}

/// Who tells of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A service by a call.
    Service,
    /// A browser by a call.
    Browser,
    /// An event of the mesh.
    Event,
}

impl Source {
    /// Its name in tables and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Browser => "browser",
            Self::Event => "event",
        }
    }
}

impl TrackedEvent {
    /// The day that it is counted for.
    pub fn day(&self) -> NaiveDate {
        self.occurred_at.date_naive()
    }

    /// Notes each field that the type of the event demands, or that does not go with it.
    pub fn check_fields(&self, fields: &mut Fields) {
        let subject = self.kind.subject;
        let mut need = |wanted: bool, path: &str, is_there: bool| {
            if wanted && !is_there {
                let message = format!("is required for {}", self.kind.name);
                fields.note(Common::InvalidField, path, message);
            }
        };
        need(subject == Subject::Order, "order_id", self.order.is_some());
        let of_customer = matches!(subject, Subject::Order | Subject::Customer);
        need(of_customer, "customer_id", self.customer.is_some());
        need(self.kind.has_total, "total", self.total.is_some());
        need(subject == Subject::Product, "product_id", self.product.is_some());
        need(subject == Subject::Page, "page_path", self.page.is_some());
        need(subject == Subject::Page, "session_id", self.session.is_some());
        if subject != Subject::Order {
            let of_orders = [
                ("order_status", self.status.is_some()),
                ("total", self.total.is_some()),
                ("items", !self.items.is_empty()),
            ];
            for (path, _) in of_orders.into_iter().filter(|(_, is_there)| *is_there) {
                let message = format!("must not be set for {}", self.kind.name);
                fields.note(Common::InvalidField, path, message);
            }
        }
        self.check_amounts(fields);
        if self.properties.windows(2).any(|pair| matches!(pair, [one, two] if one.0 == two.0)) {
            fields.note(Common::InvalidField, "properties", "must not have a name twice");
        }
    }

    fn check_amounts(&self, fields: &mut Fields) {
        let amount = |fields: &mut Fields, path: String, amount: Money| {
            let path = format!("{path}.minor_units");
            if amount.minor < 0 {
                fields.note(Reason::NegativeTotal, path, "must not be negative");
            } else if amount.minor > MAX_AMOUNT {
                fields.note(Common::InvalidField, path, format!("must be at most {MAX_AMOUNT}"));
            }
        };
        if let Some(total) = self.total {
            amount(fields, "total".to_owned(), total);
        }
        let currency = self.total.map(|total| total.currency);
        for (place, item) in self.items.iter().enumerate() {
            let Some(own) = item.amount else { continue };
            amount(fields, format!("items[{place}].amount"), own);
            if Some(own.currency) != currency {
                let path = format!("items[{place}].amount.currency_code");
                fields.note(Common::InvalidField, path, "must be the currency of the total");
            }
        }
    }

    /// Refuses what a browser cannot know, or is not believed.
    pub fn check_browser(&self, fields: &mut Fields) {
        if self.kind.producer != Producer::Browser {
            let message = format!("{} is told by services only", self.kind.name);
            fields.note(Reason::NotForBrowsers, "event_type", message);
        }
        let foreign = [
            ("customer_id", self.customer.is_some()),
            ("order_id", self.order.is_some()),
            ("total", self.total.is_some()),
            ("items", !self.items.is_empty()),
        ];
        for (path, _) in foreign.into_iter().filter(|(_, is_there)| *is_there) {
            fields.note(Reason::NotForBrowsers, path, "is told by services only");
        }
    }

    /// Refuses what has not happened yet, and what happened on a day that is no longer kept.
    pub fn check_time(&self, horizon: Horizon) -> Result<(), Fault> {
        if self.occurred_at > horizon.now + MAX_AHEAD {
            let message = "must be at most five minutes from now";
            return Err(Fault::field(Reason::EventInFuture, "occurred_at", message));
        }
        let oldest = horizon.oldest_day();
        if self.day() < oldest {
            let message = format!("must not be before {oldest}");
            let fault = Fault::field(Reason::EventTooOld, "occurred_at", message);
            return Err(fault.with("oldest_day", oldest));
        }
        Ok(())
    }
}

/// Which days are kept.
#[derive(Debug, Clone, Copy)]
pub struct Horizon {
    /// Now, by the clock of the database.
    pub now: DateTime<Utc>,
    /// For how many days before today events are kept.
    pub days: u64,
}

/// Minutes are kept for today and so many days before.
const MINUTE_DAYS: u64 = 2;

impl Horizon {
    /// The first day whose events are kept.
    pub fn oldest_day(self) -> NaiveDate {
        before(self.now, self.days)
    }

    /// The first day whose minutes are kept.
    pub fn oldest_minutes(self) -> NaiveDate {
        before(self.now, MINUTE_DAYS)
    }

    /// The last day on which something can have happened.
    pub fn newest_day(self) -> NaiveDate {
        (self.now + MAX_AHEAD).date_naive()
    }

    /// Refuses a day whose events are not there.
    pub fn require(self, day: NaiveDate) -> Result<(), Fault> {
        let (oldest, newest) = (self.oldest_day(), self.newest_day());
        if (oldest..=newest).contains(&day) {
            return Ok(());
        }
        let message = format!("must be from {oldest} to {newest}");
        Err(Fault::field(Reason::DayNotKept, "day", message))
    }
}

fn before(now: DateTime<Utc>, days: u64) -> NaiveDate {
    now.date_naive().checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN)
}
