use mesh::config::OwnSettings;
use schemars::JsonSchema;
use serde::Deserialize;

/// Warehouse's own settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Warehouse {
    /// How long a cart holds units, in seconds, where neither the call nor the SKU's rules say.
    pub hold_seconds: u32,
    /// How long a hold may be prolonged to in all, in seconds from its creation.
    pub max_hold_seconds: u32,
    /// How long a hold lasts at least while a payment is under way, in seconds from its creation; half of it from the moment at which the
    /// payment begins.
    pub payment_hold_seconds: u32,
    /// Stock is low at this quantity or below, where neither SKU, category nor warehouse says otherwise.
    pub low_stock_threshold: i64,
    /// Whether reservations that wait for the same SKU are made in one transaction.
    pub combine_reservations: bool,
}

impl Default for Warehouse {
    fn default() -> Self {
        Self {
            hold_seconds: 900,
            max_hold_seconds: 3_600,
            payment_hold_seconds: 1_800,
            low_stock_threshold: 10,
            combine_reservations: true,
        }
    }
}

impl OwnSettings for Warehouse {
    fn validate(&self, problems: &mut Vec<String>) {
        if !(1..=self.max_hold_seconds).contains(&self.hold_seconds) {
            problems.push("hold_seconds: must be from 1 to max_hold_seconds".to_owned());
        }
        if !(1..=86_400).contains(&self.max_hold_seconds) {
            problems.push("max_hold_seconds: must be from 1 to 86400".to_owned());
        }
        if !(2..=86_400).contains(&self.payment_hold_seconds) {
            problems.push("payment_hold_seconds: must be from 2 to 86400".to_owned());
        }
        if !(0..=1_000_000_000).contains(&self.low_stock_threshold) {
            problems.push("low_stock_threshold: must be from 0 to 1000000000".to_owned());
        }
    }
}
