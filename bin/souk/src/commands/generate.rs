use super::Usage;
use crate::{docs, say};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::Path;

/// Writes the documentation that is generated and committed: docs/*.md.
#[derive(Debug, Args)]
pub struct Generate {
    /// Write nothing; fail where a file differs.
    #[arg(long)]
    check: bool,
}

impl Generate {
    /// Prints the names of files that it wrote.
    pub fn run(self) -> Result<()> {
        if !Path::new("proto/souk").is_dir() {
            return Err(Usage("run this in the project's root".to_owned()).into());
        }
        let mut differ = Vec::new();
        for (path, text) in docs::render() {
            if std::fs::read_to_string(path).is_ok_and(|found| found == text) {
                continue;
            }
            differ.push(path);
            if self.check {
                continue;
            }
            let folder = Path::new(path).parent().context("a file without a folder")?;
            std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(path, text))
                .with_context(|| format!("write {path}"))?;
            say::line(format_args!("wrote {path}"));
        }
        if self.check && !differ.is_empty() {
            bail!("not as generated: {}; run `./dev gen`", differ.join(", "));
        }
        Ok(())
    }
}
