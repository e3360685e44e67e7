//! Where runs leave their files.

use anyhow::Result;
use std::path::{Path, PathBuf};

/// Where runs leave their histories and logs.
pub fn of_runs() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.souk/test/faults");
    std::fs::create_dir_all(&folder)?;
    Ok(folder.canonicalize()?)
}
