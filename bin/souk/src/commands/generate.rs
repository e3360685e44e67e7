use crate::usage::Usage;
use crate::{docs, golden, output, schema};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs;
use std::io::Write;
use std::path::Path;

/// Writes the generated files that are committed: docs/*.md, the table of services in README.md, schema.rs of the services, and golden files of events
/// with a new schema (libs/contracts/golden).
#[derive(Debug, Args)]
pub struct Generate {
    /// Write nothing; fail if a file differs.
    #[arg(long)]
    check: bool,
}

impl Generate {
    /// Prints the names of files that it wrote.
    pub async fn run(self) -> Result<()> {
        if !Path::new("proto/souk").is_dir() {
            return Err(Usage("run this in the project's root".to_owned()).into());
        }
        let mut differ = documents(self.check)?;
        differ.extend(schemas(self.check).await?);
        differ.extend(golden_files(self.check)?);
        if self.check && !differ.is_empty() {
            bail!("not as generated: {}; run `./dev gen`", differ.join(", "));
        }
        Ok(())
    }
}

/// Writes the documents that differ, or only returns their names.
fn documents(check: bool) -> Result<Vec<String>> {
    let mut differ = Vec::new();
    for (path, text) in docs::render() {
        differ.extend(write(Path::new(path), &text, check)?);
    }
    let readme = docs::readme(Path::new(""))?;
    differ.extend(write(Path::new("README.md"), &readme, check)?);
    Ok(differ)
}

/// The same for the tables of the services.
async fn schemas(check: bool) -> Result<Vec<String>> {
    let mut differ = Vec::new();
    for (path, tables) in schema::generate(Path::new("")).await? {
        differ.extend(write(&path, &tables.schema, check)?);
    }
    Ok(differ)
}

/// Writes a file that differs, or only returns its name.
fn write(path: &Path, text: &str, check: bool) -> Result<Option<String>> {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return Ok(None);
    }
    let name = path.display().to_string();
    if !check {
        make_folder(path)?;
        fs::write(path, text).with_context(|| format!("write {name}"))?;
        output::line(format_args!("wrote {name}"));
    }
    Ok(Some(name))
}

/// Adds missing golden files and their digests, or only returns their names. Existing files are never changed.
fn golden_files(check: bool) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for (path, bytes) in golden::missing(Path::new(""))? {
        let name = path.display().to_string();
        if !check {
            make_folder(&path)?;
            let made = fs::File::create_new(&path).and_then(|mut file| file.write_all(&bytes));
            made.with_context(|| format!("write {name}"))?;
            output::line(format_args!("wrote {name}"));
        }
        missing.push(name);
    }
    let digests = golden::unlisted(Path::new(""))?;
    if !digests.is_empty() {
        if !check {
            let list = fs::OpenOptions::new().create(true).append(true).open(golden::DIGESTS);
            let written = list.and_then(|mut list| list.write_all(digests.as_bytes()));
            written.with_context(|| format!("write {}", golden::DIGESTS))?;
            output::line(format_args!("wrote {}", golden::DIGESTS));
        }
        missing.push(golden::DIGESTS.to_owned());
    }
    Ok(missing)
}

fn make_folder(path: &Path) -> Result<()> {
    let folder = path.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))
}
