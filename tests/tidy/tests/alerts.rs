//! Metrics, alerts and runbooks belong together: what is emitted is explained, what an alert asks for is emitted, and
//! whoever is woken finds a page that says what to do.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use clap::CommandFactory;
use clap::error::ErrorKind;
use mesh::telemetry::{Kind, Metric};
use regex::Regex;
use souk::docs::metrics;
use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

/// What a place of the sources emits.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Emitted {
    name: String,
    kind: String,
    labels: BTreeSet<String>,
}

/// The sources that are served, less their tests and the list of metrics itself.
fn sources() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "libs", "services", "bin"])
        .current_dir(root())
        .output()
        .unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    let served = |name: &&str| {
        name.ends_with(".rs") && !name.contains("/tests/") && !name.ends_with("described.rs")
    };
    let texts =
        names.lines().filter(served).filter_map(|name| read_to_string(root().join(name)).ok());
    texts.map(|text| text.split("#[cfg(test)]").next().unwrap().to_owned()).collect()
}

/// What stands between the parentheses of a macro's call, from behind the first one.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    let end = text.char_indices().find(|(_, letter)| {
        depth += i32::from(*letter == '(') - i32::from(*letter == ')');
        depth == 0
    });
    &text[..end.unwrap().0]
}

/// Every place where a metric is written down by its name. Calls are measured in one place for both sides, which is given
/// the name of the histogram.
fn emitted() -> BTreeSet<Emitted> {
    let by_macro = regex(r"metrics::(counter|gauge|histogram)!\(");
    let call = regex(r#"Timed::begin\("([a-z0-9_]+)""#);
    let name = regex(r#"^\s*"([a-z0-9_]+)""#);
    let label = regex(r#""([a-z_]+)"\s*=>"#);
    let mut found = BTreeSet::new();
    for text in sources() {
        for place in by_macro.captures_iter(&text) {
            let arguments = arguments(&text[place.get(0).unwrap().end()..]);
            let labels = label.captures_iter(arguments).map(|label| label[1].to_owned());
            let Some(name) = name.captures(arguments) else {
                assert!(arguments.starts_with("self.histogram"), "unreadable: {arguments}");
                continue;
            };
            let (kind, name) = (place[1].to_owned(), name[1].to_owned());
            found.insert(Emitted { name, kind, labels: labels.collect() });
        }
        for place in call.captures_iter(&text) {
            let labels = ["method", "code"].map(str::to_owned).into();
            let (kind, name) = ("histogram".to_owned(), place[1].to_owned());
            found.insert(Emitted { name, kind, labels });
        }
    }
    found
}

fn described(metric: &Metric) -> Emitted {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    let labels = metric.labels.iter().map(|label| (*label).to_owned()).collect();
    Emitted { name: metric.name.to_owned(), kind: kind.to_owned(), labels }
}

#[test]
fn every_metric_is_described_as_it_is_emitted() {
    let (emitted, listed) =
        (emitted(), metrics::all().map(|own| described(&own)).collect::<BTreeSet<_>>());
    let unexplained: Vec<_> = emitted.difference(&listed).collect();
    assert!(
        unexplained.is_empty(),
        "describe in the role, or in mesh::telemetry::METRICS: {unexplained:#?}"
    );
    let vanished: Vec<_> = listed.difference(&emitted).collect();
    assert!(vanished.is_empty(), "described, but emitted nowhere: {vanished:#?}");
}

#[test]
fn metrics_are_named_as_prometheus_wants() {
    for metric in metrics::all() {
        let total = metric.name.ends_with("_total");
        assert_eq!(matches!(metric.kind, Kind::Counter), total, "{}", metric.name);
        assert!(metric.meaning.ends_with('.'), "{}", metric.name);
    }
}

/// One rule of `helm/souk/alerts/events.yaml`, as far as it is looked at here.
#[derive(Debug, Default)]
struct Rule {
    /// Name of an alert; empty: the rule records.
    alert: String,
    record: String,
    expr: String,
    severity: String,
    runbook: String,
    texts: Vec<String>,
}

/// Reads the rules line by line: each field stands on one line, an `expr` also indented below its own.
fn rules() -> Vec<Rule> {
    let text = read_to_string(root().join("helm/souk/alerts/events.yaml")).unwrap();
    let mut rules: Vec<Rule> = Vec::new();
    let mut below = false;
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if let Some(rule) = rules.last_mut()
            && below
            && line.starts_with("          ")
        {
            rule.expr.push_str(line);
            continue;
        }
        let Some((field, value)) = line.trim_start_matches([' ', '-']).split_once(':') else {
            continue;
        };
        let value = value.trim().to_owned();
        match field {
            "alert" => rules.push(Rule { alert: value.clone(), ..Rule::default() }),
            "record" => rules.push(Rule { record: value.clone(), ..Rule::default() }),
            _ => {}
        }
        let Some(rule) = rules.last_mut() else { continue };
        below = field == "expr" && value == "|";
        match field {
            "expr" if !below => rule.expr = value,
            "severity" => rule.severity = value,
            "runbook_url" => rule.runbook = value,
            "summary" | "description" => rule.texts.push(value),
            _ => {}
        }
    }
    rules
}

/// Names and label names that an expression uses.
fn used(expr: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let lists = regex(r"\b(?:by|on|without|ignoring) \(([^)]*)\)");
    let matchers = regex(r"\{([^}]*)\}");
    let matched = regex(r#"([a-z_]+)(?:=~|!~|!=|=)"#);
    let mut labels: BTreeSet<String> = BTreeSet::new();
    for list in lists.captures_iter(expr) {
        labels.extend(list[1].split(',').map(|label| label.trim().to_owned()));
    }
    for matcher in matchers.captures_iter(expr) {
        labels.extend(matched.captures_iter(&matcher[1]).map(|label| label[1].to_owned()));
    }
    let rest = lists.replace_all(expr, " ");
    let rest = matchers.replace_all(&rest, " ");
    let rest = regex(r"\[[^\]]*\]").replace_all(&rest, " ");
    let word = regex(r"\b([a-z_][a-z0-9_:]*)(\s*\()?");
    let keywords = ["and", "or", "unless", "offset", "bool"];
    let names = word.captures_iter(&rest).filter(|word| word.get(2).is_none());
    let names = names.map(|word| word[1].to_owned());
    (names.filter(|name| !keywords.contains(&name.as_str())).collect(), labels)
}

/// What Prometheus itself says of each process: whether it answered.
const SCRAPED: &str = "up";

/// The metric behind the name of a series.
fn metric(series: &str) -> Option<Metric> {
    metrics::all().find(|metric| match metric.kind {
        Kind::Histogram(_) => {
            let suffix = series.strip_prefix(metric.name);
            suffix.is_some_and(|suffix| ["_bucket", "_sum", "_count"].contains(&suffix))
        }
        _ => metric.name == series,
    })
}

#[test]
fn alerts_ask_for_what_is_emitted() {
    let rules = rules();
    let recorded: Vec<&str> = rules.iter().map(|rule| rule.record.as_str()).collect();
    for rule in &rules {
        let (names, labels) = used(&rule.expr);
        assert!(!names.is_empty(), "{rule:?}");
        // Prometheus adds these.
        let mut known: BTreeSet<&str> = ["instance", "le"].into();
        let told = |name: &&String| !recorded.contains(&name.as_str()) && *name != SCRAPED;
        for name in names.iter().filter(told) {
            let metric = metric(name).unwrap_or_else(|| panic!("{name} is no metric: {rule:?}"));
            known.extend(metric.labels);
        }
        let unknown: Vec<_> =
            labels.iter().filter(|label| !known.contains(label.as_str())).collect();
        assert!(unknown.is_empty(), "{unknown:?} are labels of nothing: {rule:?}");
    }
}

/// What is gone says nothing, so each service has to be asked for by its name.
#[test]
fn every_service_is_missed_when_it_is_gone() {
    let rules = rules();
    let gone = rules.iter().find(|rule| rule.alert == "ServiceGone").unwrap();
    let asked = regex(r#"absent\(dependency_up\{service="([a-z]+)"\}\)"#);
    let asked: Vec<&str> =
        asked.captures_iter(&gone.expr).map(|found| found.extract::<1>().1[0]).collect();
    assert_eq!(asked, souk::role_names());
}

/// Tests of the rules, for promtool.
const TESTS: [&str; 3] = ["events_test.yaml", "full_test.yaml", "volume_test.yaml"];

#[test]
fn every_alert_has_a_runbook_a_test_and_a_severity() {
    let alerts: Vec<Rule> = rules().into_iter().filter(|rule| !rule.alert.is_empty()).collect();
    assert!(alerts.len() >= 10, "the rules were not read");
    let folder = root().join("helm/souk/alerts");
    let tests = TESTS.map(|name| folder.join(name));
    let tests: String = tests.iter().map(|path| read_to_string(path).unwrap()).collect();
    let mut pages = BTreeSet::new();
    for alert in &alerts {
        assert!(["warning", "critical"].contains(&alert.severity.as_str()), "{alert:?}");
        assert_eq!(alert.texts.len(), 2, "a summary and a description: {alert:?}");
        let page = read_to_string(root().join(&alert.runbook)).unwrap_or_default();
        assert!(page.contains(&alert.alert), "{} does not speak of {}", alert.runbook, alert.alert);
        assert!(tests.contains(&alert.alert), "no test of {}", alert.alert);
        pages.insert(root().join(&alert.runbook));
    }
    let folder = std::fs::read_dir(root().join("docs/runbooks")).unwrap();
    let there: BTreeSet<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(there, pages, "every runbook has its alert");
}

/// What an alert or a runbook has somebody type must be a command, with flags that it has.
#[test]
fn commands_that_are_recommended_exist() {
    let pages = std::fs::read_dir(root().join("docs/runbooks")).unwrap();
    let mut texts: Vec<String> =
        pages.map(|entry| read_to_string(entry.unwrap().path()).unwrap()).collect();
    texts.push(read_to_string(root().join("helm/souk/alerts/events.yaml")).unwrap());
    let mut found = 0;
    for text in &texts {
        for code in regex("`souk ([^`]+)`").captures_iter(text) {
            found += 1;
            // What is to be filled in stands in brackets, in alerts in braces. A mention may leave out what is required.
            let filled = regex(r"\{\{[^}]*\}\}|<[^>]*>").replace_all(&code[1], "x");
            let words = std::iter::once("souk").chain(filled.split(' '));
            let read = souk::commands::Cli::command().try_get_matches_from(words);
            let kind = read.err().map(|error| error.kind());
            let known = kind.is_none_or(|kind| kind == ErrorKind::MissingRequiredArgument);
            assert!(known, "{} is no command: {kind:?}", &code[0]);
        }
    }
    assert!(found > 5, "the commands were not found");
}

/// Where `./dev` puts it, or wherever else it is found.
fn promtool() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = root().join(".souk/tools/bin");
    let mut folders = std::iter::once(own).chain(std::env::split_paths(&path));
    folders.find_map(|folder| Some(folder.join("promtool")).filter(|tool| tool.is_file()))
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    let Some(promtool) = promtool() else {
        eprintln!("skipped: no promtool here; `./dev tools` gets it");
        return;
    };
    for arguments in [
        ["check", "rules", "events.yaml"].as_slice(),
        &[["test", "rules"].as_slice(), &TESTS].concat(),
    ] {
        let mut command = Command::new(&promtool);
        command.args(arguments).current_dir(root().join("helm/souk/alerts"));
        let out = command.output().unwrap();
        let said = [out.stdout, out.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(out.status.success(), "{}", said.concat());
    }
}
