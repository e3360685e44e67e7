use super::places::Places;
use super::process;
use crate::say;
use anyhow::{Context, Result};
use stack::Stack;

/// Ends the mesh, then its servers and those of tests.
pub async fn down() -> Result<()> {
    let places = Places::here()?;
    if places.dev().exists() {
        let _lock = places.lock().await?;
        let running = process::running(&places);
        process::end(&places, &running).await?;
        for own in &running {
            say::line(format_args!("stopped {} (pid {})", own.role, own.pid));
        }
        // It names processes and ports that are no more.
        match std::fs::remove_file(places.env()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove {}", places.env().display()));
            }
            _ => {}
        }
    }
    for (whose, folder) in [("", places.dev()), (" of the tests", places.test_stack())] {
        for name in Stack::down(folder).await? {
            say::line(format_args!("stopped {name}{whose}"));
        }
    }
    Ok(())
}
