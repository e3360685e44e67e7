//! Golden files: encoded samples of every event for every schema that it has had, `libs/contracts/golden/<subject>/<n>.bin`, each
//! with its expected content in `<n>.json`. Files are only added, never changed, because events that were published must stay
//! readable; the tests of `tests/tidy` check that. `libs/contracts/golden.sha256` lists the digests of all files, so that a changed
//! or removed file is detected.

mod rules;
mod sample;

use anyhow::{Context, Result, ensure};
use contracts::{EventInfo, events};
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, ReflectMessage};
use sample::Sampler;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FOLDER: &str = "libs/contracts/golden";

/// File with the digests, in the format of `sha256sum`.
pub const DIGESTS: &str = "libs/contracts/golden.sha256";

/// The missing files below `root` with their contents: samples of events whose current schema has none.
pub fn missing(root: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let pool = DescriptorPool::decode(contracts::descriptors())?;
    let mut files = Vec::new();
    for event in events() {
        let folder = root.join(FOLDER).join(event.subject);
        let existing = existing(&folder)?;
        if existing.iter().any(|(_, shape)| shape == event.shape) {
            continue;
        }
        let last = existing.iter().map(|(number, _)| *number).max().unwrap_or_default();
        let samples = Sampler::new(&pool).samples(event.message)?;
        for (sample, number) in samples.iter().zip(last + 1..) {
            let (bytes, record) = file(event, sample)
                .with_context(|| format!("a sample of {} cannot be kept", event.subject))?;
            files.push((folder.join(format!("{number}.bin")), bytes));
            files.push((folder.join(format!("{number}.json")), record));
        }
    }
    Ok(files)
}

/// The missing lines of the list of digests.
pub fn unlisted(root: &Path) -> Result<String> {
    let list = std::fs::read_to_string(root.join(DIGESTS)).unwrap_or_default();
    let listed: Vec<&str> =
        list.lines().filter_map(|line| line.split_once("  ")).map(|line| line.1).collect();
    let (mut lines, parent) = (String::new(), root.join(FOLDER));
    for folder in entries(&parent)? {
        for file in entries(&folder)? {
            let name = file.strip_prefix(parent.parent().unwrap_or(root))?.display().to_string();
            if !listed.contains(&name.as_str()) {
                let digest = kernel::digest::sha256(&std::fs::read(&file)?);
                lines.push_str(&format!("{}  {name}\n", kernel::digest::hex(&digest)));
            }
        }
    }
    Ok(lines)
}

/// The entries of a folder, sorted by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Numbers and schema hashes of the files in a folder; none if the folder does not exist.
fn existing(folder: &Path) -> Result<Vec<(u32, String)>> {
    let mut existing = Vec::new();
    if !folder.is_dir() {
        return Ok(existing);
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            let number = number.with_context(|| format!("{} has no number", path.display()))?;
            let record: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
            existing.push((number, record["shape"].as_str().unwrap_or_default().to_owned()));
        }
    }
    Ok(existing)
}

/// The encoded sample, as a service would publish it, and the JSON with its expected content.
fn file(event: &EventInfo, sample: &DynamicMessage) -> Result<(Vec<u8>, Vec<u8>)> {
    let fact = (event.read)(&sample.encode_to_vec())?;
    ensure!(fact.violations.is_empty(), "it breaks rules: {:?}", fact.violations);
    let record = json!({
        "shape": event.shape,
        "key": fact.key,
        "version": fact.version,
        "event": serde_json::to_value(sample)?,
        "values": values(&sample.descriptor()),
    });
    let mut text = serde_json::to_vec_pretty(&record)?;
    text.push(b'\n');
    Ok((fact.payload, text))
}

/// Names and numbers of all values of each enum in a message, because a sample contains only one of them.
fn values(message: &MessageDescriptor) -> BTreeMap<String, BTreeMap<String, i32>> {
    let (mut found, mut seen) = (BTreeMap::new(), Vec::new());
    let mut left = vec![message.clone()];
    while let Some(message) = left.pop() {
        for kind in message.fields().map(|field| field.kind()) {
            match kind {
                Kind::Message(inner) if !seen.contains(&inner) => left.push(inner),
                Kind::Enum(enumeration) => {
                    let values = enumeration.values();
                    let values = values.map(|value| (value.name().to_owned(), value.number()));
                    found.insert(enumeration.full_name().to_owned(), values.collect());
                }
                _ => {}
            }
        }
        seen.push(message);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_added_where_the_shape_has_none_and_never_rewritten() {
        let root = std::env::temp_dir().join(format!("souk-golden-{}", uuid::Uuid::now_v7()));
        let all = missing(&root).unwrap();
        for event in events() {
            let first = root.join(FOLDER).join(event.subject).join("1.bin");
            assert!(all.iter().any(|(path, _)| *path == first), "{}", event.subject);
        }
        for (path, bytes) in &all {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        assert!(missing(&root).unwrap().is_empty());
        let digests = unlisted(&root).unwrap();
        assert_eq!(digests.lines().count(), all.len());
        std::fs::write(root.join(DIGESTS), &digests).unwrap();
        assert_eq!(unlisted(&root).unwrap(), "");

        let folder = root.join(FOLDER).join("pricing.price.deleted");
        std::fs::write(folder.join("1.json"), r#"{"shape": "another"}"#).unwrap();
        let added: Vec<PathBuf> = missing(&root).unwrap().into_iter().map(|file| file.0).collect();
        assert_eq!(added, [folder.join("2.bin"), folder.join("2.json")]);
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn samples_hold_every_alternative() {
        let all = missing(Path::new("/nowhere")).unwrap();
        let text = |ending: &str| {
            let found = all.iter().find(|(path, _)| path.ends_with(ending));
            String::from_utf8(found.unwrap().1.clone()).unwrap()
        };
        let prices = text("pricing.price.updated/1.json") + &text("pricing.price.updated/2.json");
        assert!(prices.contains("\"sku\"") && prices.matches("\"productId\"").count() == 3);
        let product = text("catalog.product.updated/1.json");
        for kind in ["text", "number", "boolean", "date", "texts", "money", "localized", "json"] {
            assert!(product.contains(&format!("\"{kind}\"")), "{kind}");
        }
    }
}
