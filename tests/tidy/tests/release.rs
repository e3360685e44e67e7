//! What a release is built of.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::Path;
use std::process::Command;

/// Crates and features that a build of `package` has, less those of its tests.
fn built(package: &str) -> Vec<String> {
    let out = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal,build,features"])
        .args(["--prefix", "none", "--locked", "--offline"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_release_has_no_failpoints() {
    let has = |package, feature: &str| {
        built(package).iter().any(|line| line.starts_with(&format!("fault feature \"{feature}\"")))
    };
    assert!(has("faults", "failpoints"), "the feature has another name now");
    assert!(has("souk", "default"), "the crate has another name now");
    assert!(!has("souk", "failpoints"), "`cargo tree -p souk -e features -i fault` says by whom");
}
