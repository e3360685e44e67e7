//! How warehouses are chosen.

use crate::domain::warehouse::{Destination, Warehouse};
use kernel::id::Id;

/// How warehouses are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Those that the caller prefers, in the order named.
    Preferred,
    /// As few warehouses as possible.
    MinSplits,
    /// Those in the country of delivery.
    SameCountry,
    /// The nearest.
    Distance,
    /// The one whose shipment costs least.
    LowestCost,
    /// The one that has most of what is wanted.
    HighestStock,
    /// The one with the highest priority.
    Priority,
}

/// Where units go to, and how warehouses are chosen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// Where units go to.
    pub to: Destination,
    /// The rules; none: MIN_SPLITS, SAME_COUNTRY.
    pub rules: Vec<Rule>,
    /// Warehouses for PREFERRED, the best first.
    pub preferred: Vec<Id<Warehouse>>,
    /// How many warehouses may ship.
    pub max_shipments: Option<usize>,
}
