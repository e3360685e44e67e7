use mesh::config::OwnSettings;
use schemars::JsonSchema;
use serde::Deserialize;

/// Catalog's own settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Catalog {
    /// Stock of a product is low at this quantity or below, where none of its categories says otherwise.
    pub low_stock_threshold: i64,
    /// Bytes of product pages and lists that a process keeps.
    pub cached_bytes: u64,
    /// Product pages and lists that are answered ahead when a process starts: those that were asked for most.
    pub warm_answers: usize,
}

impl Default for Catalog {
    fn default() -> Self {
        Self { low_stock_threshold: 10, cached_bytes: 64 * 1024 * 1024, warm_answers: 200 }
    }
}

impl OwnSettings for Catalog {
    fn validate(&self, problems: &mut Vec<String>) {
        if !(0..=1_000_000_000).contains(&self.low_stock_threshold) {
            problems.push("low_stock_threshold: must be from 0 to 1000000000".to_owned());
        }
        if self.warm_answers > 1_000 {
            problems.push("warm_answers: must be at most 1000".to_owned());
        }
    }
}
