//! Whether anything of the contract was left untested by the suite. It reads what the other tests recorded, so it runs after them, by
//! `./dev test`; alone it says that it was skipped.

use contracts::{events, methods, reasons};
use souk as _;
use std::collections::BTreeSet;

/// Refusals that say nothing about a method: they come before it.
const OF_THE_STACK: [&str; 10] = [
    "TOKEN_MISSING",
    "TOKEN_INVALID",
    "SCOPE_MISSING",
    "UNDECODABLE",
    "MESSAGE_TOO_LARGE",
    "UNSUPPORTED_COMPRESSION",
    "DEADLINE_EXCEEDED",
    "OVERLOADED",
    "RATE_LIMITED",
    "METHOD_UNKNOWN",
];

/// Reasons that tests of the handlers meet, because a call would take thousands of rows or a moment that has passed when a mesh is up,
/// or because they are said of one event of a call that succeeds.
const OF_HANDLERS: [(&str, &str); 6] = [
    ("catalog.souk", "TOO_MANY_VARIANTS"),
    ("search.souk", "INDEX_NOT_READY"),
    ("analytics.souk", "EVENT_IN_FUTURE"),
    ("analytics.souk", "EVENT_TOO_OLD"),
    ("analytics.souk", "NOT_FOR_BROWSERS"),
    ("analytics.souk", "NEGATIVE_TOTAL"),
];

#[test]
fn every_method_reason_and_event_was_met_by_a_test() {
    if std::env::var_os("SOUK_TEST_COMPLETE").is_none() {
        eprintln!("skipped: runs after all other tests, by ./dev test");
        return;
    }
    let record = testkit::record::read().unwrap();
    let mut missing = Vec::new();
    for method in methods() {
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
    for reason in reasons() {
        // A reason that another service passes on says nothing about its own.
        let own = |line: &&String| {
            let mut words = line.split(' ');
            words.next() == Some("refused")
                && words.next().is_some_and(|method| domain(method) == reason.domain)
                && words.eq([reason.domain, reason.name])
        };
        let is_of_handlers = OF_HANDLERS.contains(&(reason.domain, reason.name));
        if is_served(reason.domain) && !is_of_handlers && !record.iter().any(|line| own(&line)) {
            missing.push(format!("{} never refused with {}", reason.domain, reason.name));
        }
    }
    for event in events() {
        let service = event.subject.split('.').next().unwrap_or_default();
        let was_published = record.contains(&format!("published {}", event.subject));
        if is_served(&format!("{service}.souk")) && !was_published {
            missing.push(format!("no test has {} published", event.subject));
        }
        let consumed = record.iter().any(|line| {
            line.starts_with("consumed ") && line.ends_with(&format!(" {}", event.subject))
        });
        if !event.outside && !consumed {
            missing.push(format!("no test lets a consumer handle {}", event.subject));
        }
    }
    assert!(missing.is_empty(), "{} gaps:\n{}", missing.len(), missing.join("\n"));
}

/// Whether the contract has methods of the service with these reasons. Of others it has only events so far, which a test sends itself
/// to those who handle them.
fn is_served(domain_of_service: &str) -> bool {
    methods().iter().any(|method| domain(method.path) == domain_of_service)
}

/// The domain of the reasons of a method's service: `catalog.souk` of `/souk.catalog.v1.CatalogService/GetProduct`.
fn domain(method: &str) -> String {
    format!("{}.souk", method.split('.').nth(1).unwrap_or_default())
}
