//! The table of services in README.md.

use super::markdown::table;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- services: written by `./dev gen` from their Cargo.toml -->\n";
const END: &str = "<!-- end of services -->\n";

/// README.md of the project at `root` with the current table.
pub fn readme(root: &Path) -> Result<String> {
    let text = fs::read_to_string(root.join("README.md")).context("read README.md")?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.context("README.md has no markers around its table of services")?;
    let rows: Result<Vec<Vec<String>>> =
        crate::ROLES.iter().map(|role| row(root, role.name)).collect();
    let table = table(&["Service", "What it does", "Contract"], rows?);
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

fn row(root: &Path, service: &str) -> Result<Vec<String>> {
    let manifest = root.join("services").join(service).join("Cargo.toml");
    let manifest =
        fs::read_to_string(&manifest).with_context(|| format!("read {}", manifest.display()))?;
    let description = manifest.lines().find_map(|line| line.strip_prefix("description = "));
    let description = description.with_context(|| format!("{service} has no description"))?;
    Ok(vec![
        format!("[{service}](services/{service})"),
        description.trim_matches('"').to_owned(),
        format!("[`souk.{service}.v1`](proto/souk/{service}/v1/{service}.proto)"),
    ])
}
