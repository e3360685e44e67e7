//! Scopes of prices, and the context of a request.

use chrono::{DateTime, Utc};

use crate::currency::Currency;

/// For whom and where a price is valid. An absent value means "any"; all values that are present
/// must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope<S> {
    /// One customer's agreed price.
    pub customer: Option<S>,
    /// For the members of one customer group.
    pub group: Option<S>,
    /// For goods shipped from one warehouse.
    pub warehouse: Option<S>,
    /// For one sales channel.
    pub channel: Option<S>,
    /// For one country of delivery.
    pub country: Option<S>,
}

/// A dimension of a scope, most specific first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Weighs 16, more than all others together.
    Customer,
    /// Weighs 8.
    Group,
    /// Weighs 4.
    Warehouse,
    /// Weighs 2.
    Channel,
    /// Weighs 1.
    Country,
}

/// For whom, where and when a price is selected. Borrows its values, because a search selects prices
/// for thousands of variants.
#[derive(Debug)]
pub struct PriceContext<'a, S> {
    /// The only currency to consider; nothing is converted.
    pub currency: Currency,
    /// The signed-in customer.
    pub customer: Option<&'a S>,
    /// Every group that the customer is in, in any order.
    pub groups: &'a [S],
    /// The warehouse that the goods are shipped from.
    pub warehouse: Option<&'a S>,
    /// The sales channel.
    pub channel: Option<&'a S>,
    /// The country of delivery.
    pub country: Option<&'a S>,
    /// The instant at which the price must be valid.
    pub at: DateTime<Utc>,
}

impl Dimension {
    /// A power of two, so that a more specific dimension outweighs all less specific ones together.
    pub const fn weight(self) -> u8 {
        match self {
            Self::Customer => 16,
            Self::Group => 8,
            Self::Warehouse => 4,
            Self::Channel => 2,
            Self::Country => 1,
        }
    }
}

impl<S> Scope<S> {
    /// Valid for anyone, anywhere.
    pub const UNSCOPED: Self =
        Self { customer: None, group: None, warehouse: None, channel: None, country: None };

    /// How specific the scope is: 0 for anyone anywhere, 31 when it names everything.
    pub fn score(&self) -> u8 {
        let weigh = |named: &Option<S>, dimension: Dimension| match named {
            Some(_) => dimension.weight(),
            None => 0,
        };
        weigh(&self.customer, Dimension::Customer)
            + weigh(&self.group, Dimension::Group)
            + weigh(&self.warehouse, Dimension::Warehouse)
            + weigh(&self.channel, Dimension::Channel)
            + weigh(&self.country, Dimension::Country)
    }

    /// True when it names nothing, so that it fits every context.
    pub fn is_unscoped(&self) -> bool {
        self.score() == 0
    }
}

impl<S: PartialEq> Scope<S> {
    /// The most specific dimension that does not match the context, or none if all match.
    pub fn mismatch(&self, context: &PriceContext<'_, S>) -> Option<Dimension> {
        let differs =
            |named: &Option<S>, actual: Option<&S>| named.is_some() && named.as_ref() != actual;
        if differs(&self.customer, context.customer) {
            Some(Dimension::Customer)
        } else if self.group.as_ref().is_some_and(|group| !context.groups.contains(group)) {
            Some(Dimension::Group)
        } else if differs(&self.warehouse, context.warehouse) {
            Some(Dimension::Warehouse)
        } else if differs(&self.channel, context.channel) {
            Some(Dimension::Channel)
        } else if differs(&self.country, context.country) {
            Some(Dimension::Country)
        } else {
            None
        }
    }
}

impl<S> PriceContext<'_, S> {
    /// A context without scope values, for struct update syntax.
    pub const fn new(currency: Currency, at: DateTime<Utc>) -> Self {
        Self {
            currency,
            customer: None,
            groups: &[],
            warehouse: None,
            channel: None,
            country: None,
            at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::samples::{context, context_with};

    fn scope(change: impl FnOnce(&mut Scope<u32>)) -> Scope<u32> {
        let mut scope = Scope::UNSCOPED;
        change(&mut scope);
        scope
    }

    #[test]
    fn a_dimension_outweighs_all_lesser_ones_together() {
        let mut scope = Scope {
            customer: Some(1),
            group: Some(2),
            warehouse: Some(3),
            channel: Some(4),
            country: Some(5),
        };
        assert_eq!(scope.score(), 16 + 15);
        scope.customer = None;
        assert_eq!(scope.score(), 8 + 7);
        scope.group = None;
        assert_eq!(scope.score(), 4 + 3);
        scope.warehouse = None;
        assert_eq!(scope.score(), 2 + 1);
        scope.channel = None;
        assert_eq!(scope.score(), 1);
        scope.country = None;
        assert_eq!(scope, Scope::UNSCOPED);
        assert_eq!(scope.score(), 0);
    }

    #[test]
    fn what_is_named_must_be_equal() {
        let country = scope(|scope| scope.country = Some(5));
        let mismatch = |named| country.mismatch(&context_with(|context| context.country = named));
        assert_eq!(mismatch(Some(&5)), None);
        assert_eq!(mismatch(Some(&4)), Some(Dimension::Country));
        assert_eq!(mismatch(None), Some(Dimension::Country));
    }

    #[test]
    fn one_of_several_groups_is_enough() {
        let group = scope(|scope| scope.group = Some(2));
        let mismatch = |groups| group.mismatch(&context_with(|context| context.groups = groups));
        assert_eq!(mismatch(&[9, 2]), None);
        assert_eq!(mismatch(&[9]), Some(Dimension::Group));
        assert_eq!(mismatch(&[]), Some(Dimension::Group));
    }

    #[test]
    fn the_most_specific_mismatch_is_told() {
        let mut scope = scope(|scope| scope.country = Some(5));
        assert_eq!(scope.mismatch(&context()), Some(Dimension::Country));
        scope.channel = Some(4);
        assert_eq!(scope.mismatch(&context()), Some(Dimension::Channel));
        scope.warehouse = Some(3);
        assert_eq!(scope.mismatch(&context()), Some(Dimension::Warehouse));
        scope.group = Some(2);
        assert_eq!(scope.mismatch(&context()), Some(Dimension::Group));
        scope.customer = Some(1);
        assert_eq!(scope.mismatch(&context()), Some(Dimension::Customer));
    }

    #[test]
    fn what_is_not_named_may_be_anything() {
        let someone = context_with(|context| (context.customer, context.groups) = (Some(&7), &[7]));
        assert_eq!(Scope::UNSCOPED.mismatch(&someone), None);
    }
}
