use mesh::config::OwnSettings;
use schemars::JsonSchema;
use serde::Deserialize;

/// Catalog's own settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Catalog {
    /// Stock of a product is low at this quantity or below, where none of its categories says otherwise.
    pub low_stock_threshold: i64,
}

impl Default for Catalog {
    fn default() -> Self {
        Self { low_stock_threshold: 10 }
    }
}

impl OwnSettings for Catalog {
    fn validate(&self, problems: &mut Vec<String>) {
        if !(0..=1_000_000_000).contains(&self.low_stock_threshold) {
            problems.push("low_stock_threshold: must be from 0 to 1000000000".to_owned());
        }
    }
}
