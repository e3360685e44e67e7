use super::places::Places;
use super::process;
use crate::say;
use anyhow::{Result, bail};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a process is ready, or explains why it never will be.
pub async fn ready(places: &Places, role: &str, pid: u32, admin: &str) -> Result<()> {
    // Until setsid has become the program, the process looks like none of ours.
    let grace = Instant::now() + Duration::from_secs(2);
    let until = Instant::now() + PATIENCE;
    loop {
        let alive = process::alive(places, pid);
        if alive && is_ready(admin).await {
            return Ok(());
        }
        let why = match () {
            () if !alive && grace < Instant::now() => "has ended before it was ready",
            () if until < Instant::now() => "is not ready after a minute",
            () => {
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let log = places.log(role);
        let text = std::fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        for line in lines.iter().skip(lines.len().saturating_sub(15)) {
            say::note(format_args!("  | {line}"));
        }
        let detailed = if alive {
            format!("; `curl http://{admin}/health/detailed` says what is missing")
        } else {
            String::new()
        };
        bail!(
            "{role} (pid {pid}) {why}; above are the last lines of {}{detailed}. Fix what they name and call this again; to begin \
             with empty data instead, `./dev down` and remove {}",
            log.display(),
            places.dev().display()
        );
    }
}

/// Whether a process says that it may be sent calls.
pub async fn is_ready(admin: &str) -> bool {
    let asked = timeout(Duration::from_secs(2), ask(admin)).await;
    asked.is_ok_and(|answer| answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")))
}

async fn ask(admin: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(admin).await?;
    let request =
        format!("GET /health/ready HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
