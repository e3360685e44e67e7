use super::paths::Paths;
use super::ports::PortMap;
use super::{health, process};
use crate::output;
use anyhow::Result;
use stack::Stack;

/// Prints servers and processes, one on each line.
pub async fn status() -> Result<()> {
    let paths = Paths::here()?;
    for server in Stack::status(paths.dev()).await? {
        let state = server.pid.map_or("stopped".to_owned(), |pid| format!("running, pid {pid}"));
        let port = server.port.map(|port| format!(", port {port}")).unwrap_or_default();
        output::line(format_args!("{}: {state}{port}, log {}", server.name, server.log.display()));
    }
    let port_map = PortMap::read(&paths);
    let running = process::running(&paths);
    if running.is_empty() {
        output::line("mesh: stopped");
    }
    for own in running {
        let Some(ports) = port_map.of(&own.role) else { continue };
        let ready = if health::is_ready(&ports.admin()).await { "ready" } else { "not ready" };
        let log = paths.log(&own.role);
        output::line(format_args!(
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
