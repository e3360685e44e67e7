//! Whether the suite left anything of the contract untested. It reads what the other tests recorded, so it runs after them,
//! by `./dev test`; alone it says that it was skipped.

use contracts::{EVENTS, METHODS};
use std::collections::BTreeSet;

/// Refusals that say nothing about a method: they come before it.
const OF_THE_STACK: [&str; 9] = [
    "TOKEN_MISSING",
    "TOKEN_INVALID",
    "SCOPE_MISSING",
    "UNDECODABLE",
    "MESSAGE_TOO_LARGE",
    "UNSUPPORTED_COMPRESSION",
    "DEADLINE_EXCEEDED",
    "OVERLOADED",
    "METHOD_UNKNOWN",
];

#[test]
fn every_method_was_answered_and_refused_and_every_event_was_consumed() {
    if std::env::var_os("SOUK_TEST_COMPLETE").is_none() {
        eprintln!("skipped: runs after all other tests, by ./dev test");
        return;
    }
    let record = testkit::record::read().unwrap();
    let mut missing = Vec::new();
    for method in METHODS {
        if !record.contains(&format!("ok {}", method.path)) {
            missing.push(format!("{} was never answered OK", method.path));
        }
        let prefix = format!("refused {} ", method.path);
        let refused = record.iter().filter_map(|line| line.strip_prefix(&prefix));
        let reasons: BTreeSet<&str> = refused.filter_map(|rest| rest.split(' ').nth(1)).collect();
        if reasons.iter().all(|reason| OF_THE_STACK.contains(reason)) {
            missing.push(format!("{} was never refused for a reason of its own", method.path));
        }
    }
    for event in EVENTS.iter().filter(|event| !event.outside) {
        let consumed = record.iter().any(|line| {
            line.starts_with("consumed ") && line.ends_with(&format!(" {}", event.subject))
        });
        if !consumed {
            missing.push(format!("no test lets a consumer handle {}", event.subject));
        }
    }
    assert!(missing.is_empty(), "{} gaps:\n{}", missing.len(), missing.join("\n"));
}
