use mesh::config::OwnSettings;
use schemars::JsonSchema;
use serde::Deserialize;

/// Search's own settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Search {
    /// What hits show is kept in memory for so many of them; each takes a few hundred bytes.
    pub cached_cards: u64,
}

impl Default for Search {
    fn default() -> Self {
        Self { cached_cards: 50_000 }
    }
}

impl OwnSettings for Search {
    fn validate(&self, problems: &mut Vec<String>) {
        if self.cached_cards > 10_000_000 {
            problems.push("cached_cards: must be at most 10000000".to_owned());
        }
    }
}
