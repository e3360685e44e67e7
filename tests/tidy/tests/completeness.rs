//! Whether anything of the contract has nobody who does it, or was left untested by the suite. The latter reads what the other
//! tests recorded, so it runs after them, by `./dev test`; alone it says that it was skipped.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use contracts::{events, methods};
use regex::Regex;
use souk as _;
use std::collections::BTreeSet;
use std::path::Path;

/// Subjects that nothing publishes yet, each with the service that is to do so. Empty: every service of the contract is built.
const NOT_BUILT: [(&str, &str); 0] = [];

#[test]
fn every_event_of_the_contract_has_a_publisher() {
    let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services");
    let mut wrong = Vec::new();
    for event in events() {
        let publisher = event.subject.split('.').next().unwrap();
        let message = event.message.rsplit('.').next().unwrap();
        // A fact is made in one way only; the outbox takes nothing else.
        let fact = Regex::new(&format!(r"Fact::from\(\s*&(?:\w+::)*{message}\s*\{{")).unwrap();
        let published =
            served(&services.join(publisher).join("src")).iter().any(|t| fact.is_match(t));
        let known = NOT_BUILT.iter().any(|(subject, _)| *subject == event.subject);
        if published == known {
            wrong.push(match published {
                true => format!("{} is published: take it off the list", event.subject),
                false => format!("{publisher} never publishes {}", event.subject),
            });
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The code below a folder, less its tests; nothing where the folder is not there.
fn served(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut texts = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            texts.extend(served(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            texts.push(text.split("#[cfg(test)]").next().unwrap().to_owned());
        }
    }
    texts
}

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
    for event in events().iter().filter(|event| !event.outside) {
        let consumed = record.iter().any(|line| {
            line.starts_with("consumed ") && line.ends_with(&format!(" {}", event.subject))
        });
        if !consumed {
            missing.push(format!("no test lets a consumer handle {}", event.subject));
        }
    }
    assert!(missing.is_empty(), "{} gaps:\n{}", missing.len(), missing.join("\n"));
}
