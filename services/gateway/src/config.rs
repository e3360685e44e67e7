use cache::Limit;
use kernel::currency::Currency;
use mesh::config::OwnSettings;
use schemars::JsonSchema;
use serde::Deserialize;

/// The gateway's own settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Gateway {
    /// Requests that an address may make in a minute in the long run without a token.
    pub per_minute: u32,
    /// The same at once.
    pub burst: u32,
    /// Requests that the subject of a token may make in a minute in the long run.
    pub token_per_minute: u32,
    /// The same at once.
    pub token_burst: u32,
    /// Milliseconds after which a request is given up.
    pub timeout_ms: u64,
    /// Largest body of a request, in bytes.
    pub max_body_bytes: usize,
    /// Bytes of answers that a process keeps.
    pub cached_bytes: u64,
    /// Currency of prices where a request names none, ISO 4217; empty: none are shown then.
    pub currency: String,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            per_minute: 100,
            burst: 20,
            token_per_minute: 6_000,
            token_burst: 600,
            timeout_ms: 30_000,
            max_body_bytes: 1024 * 1024,
            cached_bytes: 64 * 1024 * 1024,
            currency: String::new(),
        }
    }
}

impl Gateway {
    /// Of a caller with or without a token.
    pub(crate) fn limit(&self, has_token: bool) -> Limit {
        match has_token {
            true => Limit { per_minute: self.token_per_minute, burst: self.token_burst },
            false => Limit { per_minute: self.per_minute, burst: self.burst },
        }
    }
}

impl OwnSettings for Gateway {
    fn validate(&self, problems: &mut Vec<String>) {
        for (name, value) in [
            ("per_minute", self.per_minute),
            ("burst", self.burst),
            ("token_per_minute", self.token_per_minute),
            ("token_burst", self.token_burst),
        ] {
            if value == 0 {
                problems.push(format!("{name}: must be at least 1"));
            }
        }
        if !(1..=300_000).contains(&self.timeout_ms) {
            problems.push("timeout_ms: must be from 1 to 300000".to_owned());
        }
        if !(1_024..=4 * 1024 * 1024).contains(&self.max_body_bytes) {
            problems.push("max_body_bytes: must be from 1024 to 4194304".to_owned());
        }
        if !self.currency.is_empty() && Currency::parse(&self.currency).is_err() {
            problems.push("currency: is no active ISO 4217 code in capitals".to_owned());
        }
    }
}
