use super::places::Places;
use super::ports::Ledger;
use super::{health, process};
use crate::say;
use anyhow::Result;
use stack::Stack;

/// Prints servers and processes, one on each line.
pub async fn status() -> Result<()> {
    let places = Places::here()?;
    for server in Stack::status(places.dev()).await? {
        let state = server.pid.map_or("stopped".to_owned(), |pid| format!("running, pid {pid}"));
        let port = server.port.map(|port| format!(", port {port}")).unwrap_or_default();
        say::line(format_args!("{}: {state}{port}, log {}", server.name, server.log.display()));
    }
    let ledger = Ledger::read(&places);
    let running = process::running(&places);
    if running.is_empty() {
        say::line("mesh: stopped");
    }
    for own in running {
        let Some(ports) = ledger.of(&own.role) else { continue };
        let ready = if health::is_ready(&ports.admin()).await { "ready" } else { "not ready" };
        let log = places.log(&own.role);
        say::line(format_args!(
            "{}: {ready}, pid {}, gRPC {}, admin http://{}, log {}",
            own.role,
            own.pid,
            ports.grpc(),
            ports.admin(),
            log.display()
        ));
    }
    Ok(())
}
