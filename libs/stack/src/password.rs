//! The password of a server, made on first use and kept in its folder.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};

use crate::private_file::write_private;

/// Reads the password in this file; none if there is no file.
pub fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().filter(|password| !password.is_empty())
}

/// Makes a random password in this file, unless there is one; only the owner can read it.
pub fn make(path: &Path) -> Result<()> {
    if read(path).is_some() {
        return Ok(());
    }
    let mut random = [0; 20];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .context("read random bytes")?;
    let password: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    write_private(path, &password)
}
