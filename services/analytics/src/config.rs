use mesh::config::OwnSettings;
use schemars::JsonSchema;
use serde::Deserialize;

/// Analytics' own settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Analytics {
    /// Events, sessions and counters by the hour are kept for so many days before today; older events are refused, and counters by the
    /// day stay for ever.
    pub kept_days: u64,
}

impl Default for Analytics {
    fn default() -> Self {
        Self { kept_days: 90 }
    }
}

impl OwnSettings for Analytics {
    fn validate(&self, problems: &mut Vec<String>) {
        if !(7..=1_000).contains(&self.kept_days) {
            problems.push("kept_days: must be from 7 to 1000".to_owned());
        }
    }
}
