//! A record of what tests did: lines `ok <method>`, `refused <method> <domain> <reason>`, `published <subject>` and
//! `consumed <consumer> <subject>` in files in the folder `SOUK_TEST_RECORD`. The completeness test reads them after all other tests.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// Appends a line, if `SOUK_TEST_RECORD` is set.
pub fn note(line: &str) {
    let Some(folder) = folder() else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(std::process::id().to_string());
    let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    // One write for each line, so that lines of several threads do not mix.
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// All recorded lines; none if `SOUK_TEST_RECORD` is not set.
pub fn read() -> Option<BTreeSet<String>> {
    let mut lines = BTreeSet::new();
    for entry in std::fs::read_dir(folder()?).ok()? {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        lines.extend(text.lines().map(str::to_owned));
    }
    Some(lines)
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("SOUK_TEST_RECORD").map(PathBuf::from)
}
