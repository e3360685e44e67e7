use mesh::config::OwnSettings;
use schemars::JsonSchema;
use serde::Deserialize;

/// Search's own settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Search {
    /// What hits show is kept in memory for so many of them; each takes a few hundred bytes.
    pub cached_cards: u64,
    /// For so many seconds after each page of results by relevance the next one can be asked for; 0: never. What was deleted meanwhile
    /// takes its place on the disk so long.
    pub continued_seconds: u64,
}

impl Default for Search {
    fn default() -> Self {
        Self { cached_cards: 50_000, continued_seconds: 300 }
    }
}

impl OwnSettings for Search {
    fn validate(&self, problems: &mut Vec<String>) {
        if self.cached_cards > 10_000_000 {
            problems.push("cached_cards: must be at most 10000000".to_owned());
        }
        if self.continued_seconds > 3_600 {
            problems.push("continued_seconds: must be at most 3600".to_owned());
        }
    }
}
