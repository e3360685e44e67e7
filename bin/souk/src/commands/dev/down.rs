use super::paths::Paths;
use super::process;
use crate::output;
use anyhow::{Context, Result};
use stack::Stack;

/// Stops the mesh, then its servers and those of tests.
pub async fn down() -> Result<()> {
    let paths = Paths::here()?;
    if paths.dev().exists() {
        let _lock = paths.lock().await?;
        let running = process::running(&paths);
        process::end(&paths, &running).await?;
        for own in &running {
            output::line(format_args!("stopped {} (pid {})", own.role, own.pid));
        }
        // It names processes and ports that no longer exist.
        match std::fs::remove_file(paths.env()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove {}", paths.env().display()));
            }
            _ => {}
        }
    }
    for (whose, folder) in [("", paths.dev()), (" of the tests", paths.test_stack())] {
        for name in Stack::down(folder).await? {
            output::line(format_args!("stopped {name}{whose}"));
        }
    }
    Ok(())
}
