//! Rules of the tree: what ARCHITECTURE.md and CONTRIBUTING.md state, as far as a program can check it.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every file that git would take, below `folder`, with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", folder])
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    let files = text.lines().filter(|name| name.ends_with(ending)).map(|name| root().join(name));
    let found: Vec<PathBuf> = files.filter(|path| path.exists()).collect();
    assert!(
        !found.is_empty(),
        "no {ending} below {folder}: a rule that looks at nothing holds nothing"
    );
    found
}

/// Layers from the outside in: a crate may use what stands further down, never the other way. The services are those of the folder, and
/// the generated code of their contracts, `<service>-api`, is for services and for what stands above or beside them.
const LAYERS: [&[&str]; 10] = [
    &["souk"],
    &[],
    &["mesh"],
    &["bus", "cache", "rest"],
    &["pg"],
    &["convert"],
    &["fault"],
    &["channel"],
    &["contracts"],
    &["kernel"],
];

/// The layer of the services.
const SERVICES: usize = 1;

/// Who may use the crates that stand beside the layers: `stack`, `testbed` and `testkit` never reach a service that is served, and
/// `souk-client` is for others' programs.
const BESIDE: [(&str, &[&str]); 4] = [
    ("souk-client", &[]),
    ("stack", &["testbed", "testkit", "bench", "faults", "souk"]),
    ("testbed", &["testkit"]),
    ("testkit", &["bench"]),
];

/// What the modules of a service may not use: decisions know nothing around them, SQL knows no messages, messages know no SQL, and
/// none of them knows who calls it.
const MODULES: [(&str, &[&str]); 4] = [
    ("domain", &["schema", "store", "wire", "rpc", "events", "jobs", "App"]),
    ("store", &["wire", "rpc", "events", "jobs", "App"]),
    ("wire", &["schema", "store", "rpc", "events", "jobs", "App"]),
    ("rpc", &["schema"]),
];

#[test]
fn dependencies_point_one_way() {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let mut layer: BTreeMap<String, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(depth, names)| names.iter().map(move |name| ((*name).to_owned(), depth)))
        .collect();
    let services = std::fs::read_dir(root().join("services")).unwrap();
    let services = services.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    layer.extend(services.map(|service| (service, SERVICES)));
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let from = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            // Tests may use the harness, which boots the real neighbours.
            if dependency["kind"].as_str() == Some("dev") {
                continue;
            }
            let allowed = match (layer.get(from), layer.get(to)) {
                (Some(from), Some(to)) => from < to,
                // Rebuilt whenever a service's contract changes, which must not rebuild the libraries.
                (Some(from), None) if to.ends_with("-api") => *from <= SERVICES,
                _ => BESIDE
                    .iter()
                    .find(|(name, _)| *name == to)
                    .is_none_or(|(_, by)| by.contains(&from)),
            };
            if !allowed {
                wrong.push(format!("{from} must not depend on {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_of_a_service_point_one_way() {
    let mut wrong = Vec::new();
    for path in files("services", ".rs") {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let Some((_, module)) = name.split_once("/src/") else { continue };
        let module = module.split(['/', '.']).next().unwrap();
        let Some((_, forbidden)) = MODULES.iter().find(|(name, _)| *name == module) else {
            continue;
        };
        let used = used_modules(&std::fs::read_to_string(&path).unwrap());
        let used = used.iter().filter(|used| forbidden.contains(&used.as_str()));
        wrong.extend(used.map(|used| format!("{name}: {module} does not use {used}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What follows `crate::`, in braces or alone.
fn used_modules(code: &str) -> Vec<String> {
    let paths = code.split("crate::").skip(1);
    let lists = paths.map(|path| match path.strip_prefix('{') {
        Some(list) => list.split('}').next().unwrap_or_default(),
        None => path.split([';', ' ', ',', '(']).next().unwrap_or_default(),
    });
    let names = lists.flat_map(|list| list.split(',')).map(|name| name.trim());
    names.map(|name| name.split("::").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let sources = [files(".", ".rs"), files(".", ".proto")].concat();
    let long: Vec<String> = sources
        .iter()
        .filter(|path| {
            !path.ends_with("schema.rs") && !path.to_string_lossy().contains("third_party")
        })
        .filter_map(|path| {
            let lines = std::fs::read_to_string(path).unwrap().lines().count();
            // A contract is read by people who look for one thing in it; cutting a service in two helps nobody.
            let limit = if path.extension().unwrap() == "proto" { 1_000 } else { 500 };
            (lines > limit).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// What only code that does IO, waits or looks at a clock has a use for. A row may derive diesel's `Queryable` onto the
/// domain's own struct: that is data, not IO.
const IMPURE: [&str; 13] = [
    "async fn",
    ".await",
    "diesel_async",
    "diesel::prelude",
    "diesel::dsl",
    "sql_query",
    "tokio::",
    "std::fs",
    "std::net",
    "std::env",
    "Utc::now",
    "Instant::now",
    "SystemTime",
];

#[test]
fn domain_is_pure() {
    let mut wrong = Vec::new();
    for path in files("services", ".rs") {
        if !path.components().any(|part| part.as_os_str() == "domain") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // Tests make instants where they stand.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code =
            code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        for (number, line) in code {
            if let Some(found) = IMPURE.iter().find(|impure| line.contains(**impure)) {
                wrong.push(format!("{}:{}: {found}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_environment_is_read_in_one_place() {
    let exempt = [
        "libs/mesh/src/config",
        "libs/stack/",
        "build.rs",
        "build/",
        "/tests.rs",
        "/tests/",
        "tests/",
        "libs/testkit",
        "bin/souk",
        "bench/",
    ];
    let mut wrong = Vec::new();
    for path in files(".", ".rs") {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if exempt.iter().any(|part| name.contains(part)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("env::var") {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "only libs/mesh/src/config reads the environment: {wrong:?}");
}

/// The code of tests: what lies in a `tests` folder, and the end of other files.
fn test_code() -> String {
    let mut all = String::new();
    // What handles faults names every kind of them without proving that anything refuses so.
    for path in files(".", ".rs").iter().filter(|path| !path.ends_with("bus/tests/it/kinds.rs")) {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if name.starts_with("tests/tidy") || name.starts_with("libs/contracts") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        match name.contains("tests/") {
            true => all.push_str(&text),
            false => all.push_str(text.split_once("#[cfg(test)]").map_or("", |(_, tests)| tests)),
        }
    }
    all
}

#[test]
fn every_reason_has_a_test() {
    let tests = test_code();
    let variant = |reason: &str| {
        let word = |word: &str| word[..1].to_owned() + &word[1..].to_lowercase();
        reason.split('_').map(word).collect::<String>()
    };
    let untested: Vec<&str> = contracts::reasons()
        .iter()
        .map(|reason| reason.name)
        .filter(|name| !tests.contains(&format!("\"{name}\"")))
        .filter(|name| !tests.contains(&format!("Common::{}", variant(name))))
        .filter(|name| !tests.contains(&format!("Reason::{}", variant(name))))
        .collect();
    assert!(untested.is_empty(), "no test sees a refusal with {untested:?}");
}

/// A type of events that browsers do not tell of comes from the events of a publisher, once that exists.
#[test]
fn publishers_of_counted_events_are_consumed() {
    use analytics::domain::types::{KINDS, Producer};
    use analytics::events::observed::SUBJECTS;
    for kind in KINDS {
        let Producer::Events(prefix) = kind.producer else { continue };
        // Of some services there are only events so far: others read them, and nobody publishes any.
        let publisher = format!("/souk.{}.", prefix.split('.').next().unwrap_or_default());
        let exists = contracts::methods().iter().any(|method| method.path.starts_with(&publisher));
        let published =
            exists && contracts::events().iter().any(|event| event.subject.starts_with(prefix));
        let consumed = SUBJECTS.iter().any(|subject: &&str| subject.starts_with(prefix));
        assert_eq!(published, consumed, "{} from {prefix}", kind.name);
    }
}

#[test]
fn generated_documents_are_current() {
    for (path, text) in souk::docs::render() {
        let found = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(found == text, "{path} is not as generated; run `./dev gen`");
    }
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(souk::docs::readme(&root()).unwrap() == readme, "run `./dev gen` for README.md");
}

#[tokio::test]
async fn schemas_are_generated_and_every_column_has_a_comment() {
    let generated = souk::schema::generate(&root()).await.unwrap();
    assert!(generated.len() >= 3, "a rule that looks at nothing holds nothing");
    for (path, described) in generated {
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == described.schema,
            "{} is not as generated; run `./dev gen`",
            path.display()
        );
        assert_eq!(described.without_comment, [""; 0], "columns without a comment");
    }
}

/// diesel knows a migration by the part of its name before the first `_`, and a database has one table of them.
#[test]
fn migrations_of_one_database_have_different_versions() {
    let versions = |folder: &str| {
        let found = std::fs::read_dir(root().join("migrations").join(folder)).unwrap();
        let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| name.split('_').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for role in souk::with_database() {
        let mut all = [versions("shared"), versions(role)].concat();
        all.sort();
        let twice: Vec<_> = all.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{role} has two migrations of {twice:?}");
    }
}

/// The table of invariants names tests as `name`, `file::name` or `file::*`.
#[test]
fn every_test_of_an_invariant_exists() {
    let table = std::fs::read_to_string(root().join("docs/invariants.md")).unwrap();
    let sources: String =
        files(".", ".rs").iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut missing = Vec::new();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(2);
    for row in rows {
        let held = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<&str> = held.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            missing.push(format!("no test is named: {row}"));
        }
        for name in names {
            let test = name.rsplit("::").next().unwrap();
            if !sources.contains(&format!("fn {test}(")) {
                missing.push(format!("`{name}` is no test: {row}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
