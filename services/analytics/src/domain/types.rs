//! The one table of the types of events: their names, what each must tell, and who tells it.

use analytics_api::v1::EventType;

/// What an event is about. It decides which fields the event must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An order.
    Order,
    /// A product.
    Product,
    /// A customer.
    Customer,
    /// A page.
    Page,
}

/// Who tells of events of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Producer {
    /// Browsers, by RecordBrowserEvents.
    Browser,
    /// Events of the mesh whose subjects begin so. Until their publisher exists services call RecordEvents; its arrival adds a handler
    /// to `events/observed.rs`, and a test fails while it is missing.
    Events(&'static str),
}

/// A type of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The type in the contract.
    pub event_type: EventType,
    /// Its name in tables and files.
    pub name: &'static str,
    /// What its events are about.
    pub subject: Subject,
    /// Whether its events must tell a total.
    pub has_total: bool,
    /// Who tells of them.
    pub producer: Producer,
}

const fn kind(
    event_type: EventType,
    name: &'static str,
    subject: Subject,
    producer: Producer,
) -> Kind {
    let has_total = matches!(event_type, EventType::OrderCreated | EventType::Purchase);
    Kind { event_type, name, subject, has_total, producer }
}

/// All types, by their numbers.
pub const KINDS: [Kind; 16] = {
    use EventType as T;
    use Producer::{Browser, Events};
    use Subject::{Customer, Order, Page, Product};
    [
        kind(T::OrderCreated, "order_created", Order, Events("order.order.")),
        kind(T::OrderUpdated, "order_updated", Order, Events("order.order.")),
        kind(T::Purchase, "purchase", Order, Events("payment.payment.")),
        kind(T::ProductViewed, "product_viewed", Product, Browser),
        kind(T::ProductAddedToCart, "product_added_to_cart", Product, Events("checkout.cart.")),
        kind(
            T::ProductRemovedFromCart,
            "product_removed_from_cart",
            Product,
            Events("checkout.cart."),
        ),
        kind(
            T::ProductAddedToWishlist,
            "product_added_to_wishlist",
            Product,
            Events("customer.wishlist."),
        ),
        kind(T::ProductShared, "product_shared", Product, Browser),
        kind(T::CustomerRegistered, "customer_registered", Customer, Events("identity.")),
        kind(
            T::CustomerProfileUpdated,
            "customer_profile_updated",
            Customer,
            Events("customer.profile."),
        ),
        kind(T::CustomerLogin, "customer_login", Customer, Events("identity.")),
        kind(T::CustomerLogout, "customer_logout", Customer, Events("identity.")),
        kind(T::CustomerPasswordReset, "customer_password_reset", Customer, Events("identity.")),
        kind(T::PageViewed, "page_viewed", Page, Browser),
        kind(T::PageExit, "page_exit", Page, Browser),
        kind(T::PageScroll, "page_scroll", Page, Browser),
    ]
};

/// The steps on the way to a purchase, in their order.
pub const FUNNEL: [EventType; 5] = [
    EventType::PageViewed,
    EventType::ProductViewed,
    EventType::ProductAddedToCart,
    EventType::OrderCreated,
    EventType::Purchase,
];

impl Kind {
    /// The row of a type; none for the one that is unspecified.
    pub fn of(event_type: EventType) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.event_type == event_type)
    }

    /// The row of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// The bit of the type among the steps of a session.
    pub fn bit(&self) -> i32 {
        1 << i32::from(self.event_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_the_contract_has_one_row_that_bears_its_name() {
        for (place, kind) in KINDS.iter().enumerate() {
            assert_eq!(i32::from(kind.event_type), i32::try_from(place).unwrap() + 1);
            let name = format!("EVENT_TYPE_{}", kind.name.to_uppercase());
            assert_eq!(kind.event_type.as_str_name(), name);
        }
        assert!(EventType::try_from(17).is_err(), "a new type needs a row");
    }

    #[test]
    fn browsers_tell_of_five_types() {
        let theirs = KINDS.iter().filter(|kind| kind.producer == Producer::Browser);
        let names: Vec<&str> = theirs.map(|kind| kind.name).collect();
        assert_eq!(
            names,
            ["product_viewed", "product_shared", "page_viewed", "page_exit", "page_scroll"]
        );
    }
}
