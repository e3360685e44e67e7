use super::sections::method_name;
use cache::Limit;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How many calls each caller may make. Calls among services do not count.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RateLimit {
    /// Whether callers are limited.
    pub enabled: bool,
    /// Processes that serve the same services. While Redis does not answer, each gives its share of a limit.
    pub instances: u32,
    /// Proxies in front of this process that write `x-forwarded-for`. They tell callers without a token apart, who are otherwise limited
    /// by the address of the connection.
    pub trusted_proxies: usize,
    /// Calls of a caller in a minute, instead of the contract's, by service and method: `pricing_set_price`.
    pub per_minute: BTreeMap<String, u32>,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { enabled: true, instances: 1, trusted_proxies: 0, per_minute: BTreeMap::new() }
    }
}

impl RateLimit {
    /// The limit of a method: configured, or the contract's.
    pub fn of(&self, policy: &contracts::Policy) -> Limit {
        let configured = self.per_minute.get(&method_name(policy.path));
        let per_minute = configured.copied().unwrap_or(policy.per_minute);
        Limit { per_minute, burst: policy.burst_of(per_minute) }
    }

    pub(super) fn validate(&self, problems: &mut Vec<String>) {
        if !(1..=1_000).contains(&self.instances) {
            problems.push("rate_limit.instances: must be between 1 and 1000".to_owned());
        }
        let known: Vec<String> =
            contracts::methods().iter().map(|method| method_name(method.path)).collect();
        for (method, calls) in &self.per_minute {
            let name = format!("rate_limit.per_minute.{method}");
            if !known.contains(method) {
                problems.push(format!("{name}: the contract has no such method"));
            }
            // Below a microsecond for a call Redis cannot tell calls apart.
            if !(1..=60_000_000).contains(calls) {
                problems.push(format!("{name}: must be between 1 and 60000000"));
            }
        }
    }
}
