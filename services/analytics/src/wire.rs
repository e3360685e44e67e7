//! Between the contract's messages and the domain.

use crate::domain::event::{Item, TrackedEvent};
use crate::domain::period::Period;
use crate::domain::types::Kind;
use analytics_api::v1::{self as proto, EventType, OrderStatus};
use chrono::NaiveDate;
use contracts::Validate;
use convert::{Fields, money, read, text, timestamp};
use fault::{Common, Fault};
use kernel::name::fold;
use uuid::Uuid;

/// An event as it was sent. Its rules are checked here and not in the codec, so that one that is wrong does not refuse the others.
pub fn event(
    sent: &proto::TrackedEvent,
    check: impl FnOnce(&TrackedEvent, &mut Fields),
) -> Result<TrackedEvent, Fault> {
    let violations = sent.violations();
    if !violations.is_empty() {
        return Err(Fault::invalid(violations));
    }
    read(|fields| {
        let event = fields_of(fields, sent)?;
        event.check_fields(fields);
        check(&event, fields);
        Some(event)
    })
}

fn fields_of(fields: &mut Fields, sent: &proto::TrackedEvent) -> Option<TrackedEvent> {
    let id = uuid(fields, "event_id", &sent.event_id);
    let kind = kind(fields, sent.event_type());
    let occurred_at = fields.instant("occurred_at", sent.occurred_at.as_ref());
    let session = fields.optional_name("session_id", &sent.session_id);
    let customer = fields.optional_name("customer_id", &sent.customer_id);
    let product = optional_uuid(fields, "product_id", &sent.product_id);
    let sku = fields.optional_name("sku", &sent.sku);
    let order = fields.optional_name("order_id", &sent.order_id);
    let total = fields.optional_money("total", sent.total.as_ref());
    let items: Option<Vec<Item>> = fields.each("items", &sent.items, item);
    let term = Some(fold(&sent.search_term)).filter(|term| !term.is_empty());
    let properties = sent.properties.iter().map(|own| (own.name.clone(), own.value.clone()));
    let mut properties: Vec<(String, String)> = properties.collect();
    properties.sort();
    Some(TrackedEvent {
        id: id?,
        kind: kind?,
        occurred_at: occurred_at?,
        session: session?,
        customer: customer?,
        product: product?,
        sku: sku?,
        order: order?,
        status: Some(sent.order_status()).filter(|own| *own != OrderStatus::Unspecified),
        total: total?,
        items: items?,
        term,
        page: Some(sent.page_path.clone()).filter(|page| !page.is_empty()),
        properties,
    })
}

fn kind(fields: &mut Fields, event_type: EventType) -> Option<&'static Kind> {
    match Kind::of(event_type) {
        Some(kind) => Some(kind),
        None => fields.refuse(Common::InvalidField, "event_type", "must be specified"),
    }
}

fn item(fields: &mut Fields, sent: &proto::EventItem) -> Option<Item> {
    let sku = fields.name("sku", &sent.sku);
    let product = uuid(fields, "product_id", &sent.product_id);
    let amount = fields.optional_money("amount", sent.amount.as_ref());
    Some(Item { sku: sku?, product: product?, quantity: sent.quantity, amount: amount? })
}

/// A UUID of anybody's making.
pub fn uuid(fields: &mut Fields, path: &str, text: &str) -> Option<Uuid> {
    match Uuid::parse_str(text) {
        Ok(id) => Some(id),
        Err(error) => fields.refuse(Common::InvalidField, path, error.to_string()),
    }
}

fn optional_uuid(fields: &mut Fields, path: &str, text: &str) -> Option<Option<Uuid>> {
    if text.is_empty() { Some(None) } else { uuid(fields, path, text).map(Some) }
}

/// A day, as `2026-11-30`.
pub fn day(fields: &mut Fields, text: &str) -> Option<NaiveDate> {
    match text.parse() {
        Ok(day) => Some(day),
        Err(_) => fields.refuse(Common::InvalidField, "day", "must be a day like 2026-11-30"),
    }
}

/// The period of a report.
pub fn period(sent: Option<&proto::Period>) -> Result<Period, Fault> {
    let (from, until) = read(|fields| {
        fields.message("period", sent, |fields, sent| {
            let from = fields.instant("from", sent.from.as_ref());
            let until = fields.instant("until", sent.until.as_ref());
            Some((from?, until?))
        })
    })?;
    Period::try_new(from, until)
}

impl From<&TrackedEvent> for proto::TrackedEvent {
    fn from(own: &TrackedEvent) -> Self {
        let property = |(name, value): &(String, String)| proto::EventProperty {
            name: name.clone(),
            value: value.clone(),
        };
        Self {
            event_id: own.id.to_string(),
            event_type: own.kind.event_type.into(),
            occurred_at: Some(timestamp(own.occurred_at)),
            session_id: text(own.session.as_ref()),
            customer_id: text(own.customer.as_ref()),
            product_id: text(own.product.as_ref()),
            sku: text(own.sku.as_ref()),
            order_id: text(own.order.as_ref()),
            order_status: own.status.unwrap_or_default().into(),
            total: own.total.map(money),
            items: own.items.iter().map(Into::into).collect(),
            search_term: text(own.term.as_ref()),
            page_path: text(own.page.as_ref()),
            properties: own.properties.iter().map(property).collect(),
        }
    }
}

impl From<&Item> for proto::EventItem {
    fn from(own: &Item) -> Self {
        Self {
            sku: own.sku.clone(),
            product_id: own.product.to_string(),
            quantity: own.quantity,
            amount: own.amount.map(money),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use analytics_api::v1::Reason;
    use contracts::types::v1::Money;

    fn sent(event_type: EventType) -> proto::TrackedEvent {
        proto::TrackedEvent {
            event_id: Uuid::from_u128(7).to_string(),
            event_type: event_type.into(),
            occurred_at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            session_id: "s".into(),
            customer_id: "c".into(),
            product_id: Uuid::from_u128(8).to_string(),
            order_id: "o".into(),
            page_path: "/".into(),
            ..Default::default()
        }
    }

    fn usd(minor: i64) -> Option<Money> {
        Some(Money { currency_code: "USD".into(), minor_units: Some(minor) })
    }

    fn wrong(sent: &proto::TrackedEvent, browser: bool) -> Vec<String> {
        let check = |event: &TrackedEvent, fields: &mut Fields| {
            if browser {
                event.check_browser(fields);
            }
        };
        let fault = event(sent, check).unwrap_err();
        fault.violations().iter().map(|found| found.field.clone()).collect()
    }

    #[test]
    fn each_rule_names_its_field() {
        use EventType as T;
        type Change = fn(&mut proto::TrackedEvent);
        let cases: [(T, Change, &str); 14] = [
            (T::PageViewed, |own| own.event_id.clear(), "event_id"),
            (T::PageViewed, |own| own.event_type = 17, "event_type"),
            (T::PageViewed, |own| own.event_type = 0, "event_type"),
            (T::PageViewed, |own| own.occurred_at = None, "occurred_at"),
            (T::PageViewed, |own| own.page_path.clear(), "page_path"),
            (T::PageViewed, |own| own.page_path = "/a?mail=x".into(), "page_path"),
            (T::PageScroll, |own| own.session_id.clear(), "session_id"),
            (T::ProductShared, |own| own.product_id.clear(), "product_id"),
            (T::CustomerLogin, |own| own.customer_id.clear(), "customer_id"),
            (T::OrderUpdated, |own| own.order_id.clear(), "order_id"),
            (T::OrderUpdated, |own| own.order_status = 6, "order_status"),
            (T::OrderCreated, |_| (), "total"),
            (T::Purchase, |own| own.total = usd(-1), "total.minor_units"),
            (T::PageViewed, |own| own.total = usd(1), "total"),
        ];
        for (event_type, change, field) in cases {
            let mut sent = sent(event_type);
            change(&mut sent);
            assert_eq!(wrong(&sent, false), [field], "{event_type:?}");
        }
        let mut negative = sent(T::Purchase);
        negative.total = usd(-1);
        assert!(event(&negative, |_, _| ()).unwrap_err().is(Reason::NegativeTotal));
    }

    #[test]
    fn lines_are_in_the_currency_of_the_total() {
        let line = |amount| proto::EventItem {
            sku: "A".into(),
            product_id: Uuid::from_u128(8).to_string(),
            quantity: 1,
            amount,
        };
        let yen = Some(Money { currency_code: "JPY".into(), minor_units: Some(1) });
        let mut sent = sent(EventType::Purchase);
        sent.total = usd(3);
        sent.items = vec![line(usd(3)), line(yen), line(usd(-1)), line(None)];
        let fields = ["items[1].amount.currency_code", "items[2].amount.minor_units"];
        assert_eq!(wrong(&sent, false), fields);
    }

    #[test]
    fn a_browser_may_not_tell_what_services_know() {
        let mut order = sent(EventType::OrderUpdated);
        order.total = usd(1);
        let fields = ["event_type", "customer_id", "order_id", "total"];
        assert_eq!(wrong(&order, true), fields);
        assert!(
            event(&order, |own, fields| own.check_browser(fields))
                .unwrap_err()
                .is(Reason::NotForBrowsers)
        );
    }

    #[test]
    fn an_event_comes_back_as_it_was_kept() {
        let mut sent = sent(EventType::ProductViewed);
        sent.search_term = "  Red  LAMP ".into();
        let kept = event(&sent, |_, _| ()).unwrap();
        sent.search_term = "red lamp".into();
        assert_eq!(proto::TrackedEvent::from(&kept), sent);
    }
}
