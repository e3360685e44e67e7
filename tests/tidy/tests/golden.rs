//! Bytes of events that were once kept stay as they were: `libs/contracts/golden.sha256` names each file with its digest, in the
//! form of `sha256sum`, and lines are only ever added to it.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use kernel::digest::{hex, sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const LIST: &str = "libs/contracts/golden.sha256";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn list() -> String {
    std::fs::read_to_string(root().join(LIST)).unwrap()
}

#[test]
fn bytes_of_events_that_were_kept_are_there_and_as_they_were() {
    let mut listed = BTreeSet::new();
    let mut wrong = Vec::new();
    for line in list().lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        listed.insert(name.to_owned());
        match std::fs::read(root().join("libs/contracts").join(name)) {
            Ok(bytes) if hex(&sha256(&bytes)) == digest => {}
            Ok(_) => wrong.push(format!("{name} is not as it was")),
            Err(_) => wrong.push(format!("{name} is gone")),
        }
    }
    assert!(wrong.is_empty(), "what was published once is read for weeks:\n{}", wrong.join("\n"));
    let missing = souk::golden::unlisted(&root()).unwrap();
    assert_eq!(missing, "", "not in {LIST} yet; `./dev gen` adds them");
    assert!(listed.len() >= 32, "the list was not read");
}

fn git(arguments: &[&str]) -> Option<String> {
    let out = Command::new("git").args(arguments).current_dir(root()).output().ok()?;
    out.status.success().then(|| String::from_utf8(out.stdout).unwrap())
}

/// Against whoever changes a file and its digest too: the history remembers, as far as it is here.
#[test]
fn no_digest_that_was_ever_committed_is_changed_or_removed() {
    let Some(commits) = git(&["log", "--format=%H", "--", LIST]) else {
        eprintln!("skipped: no history here");
        return;
    };
    let now = list();
    let now: BTreeSet<&str> = now.lines().collect();
    for commit in commits.lines() {
        // The commit that removed the list, if there was one, holds none.
        let then = git(&["show", &format!("{commit}:{LIST}")]).unwrap_or_default();
        let gone: Vec<&str> = then.lines().filter(|line| !now.contains(line)).collect();
        assert!(gone.is_empty(), "{LIST} had these lines in {commit}:\n{}", gone.join("\n"));
    }
}

/// Others call the paths of HTTP: a line of the table that was committed once stays as it is.
#[test]
fn no_path_that_was_ever_committed_is_changed_or_removed() {
    const PATHS: &str = "docs/http.md";
    let now = std::fs::read_to_string(root().join(PATHS)).unwrap();
    let now: BTreeSet<&str> = now.lines().collect();
    let of_paths = |line: &&str| line.starts_with("| `/api/");
    assert!(now.iter().filter(|line| of_paths(line)).count() > 30, "the table was not read");
    let Some(commits) = git(&["log", "--format=%H", "--", PATHS]) else {
        eprintln!("skipped: no history here");
        return;
    };
    for commit in commits.lines() {
        let then = git(&["show", &format!("{commit}:{PATHS}")]).unwrap_or_default();
        let gone: Vec<&str> =
            then.lines().filter(of_paths).filter(|line| !now.contains(line)).collect();
        assert!(gone.is_empty(), "{PATHS} had these lines in {commit}:\n{}", gone.join("\n"));
    }
}
