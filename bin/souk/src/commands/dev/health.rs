use super::paths::Paths;
use super::process;
use crate::output;
use anyhow::{Error, anyhow};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a new process may take until it can be identified.
const START_GRACE: Duration = Duration::from_secs(2);
/// Number of log lines to show.
const LOG_LINES: usize = 15;

/// Result of waiting for a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is ready.
    Ready,
    /// It has ended.
    Ended,
    /// It runs, but was not ready in time.
    TimedOut,
}

/// Waits until a process is ready.
pub async fn wait(paths: &Paths, pid: u32, admin: &str) -> Outcome {
    // A new process cannot be identified until `setsid` has executed the program.
    let grace = Instant::now() + START_GRACE;
    let until = Instant::now() + READY_TIMEOUT;
    let mut seen = false;
    loop {
        let alive = process::alive(paths, pid);
        seen |= alive;
        if alive && is_ready(admin).await {
            return Outcome::Ready;
        }
        if !alive && (seen || grace < Instant::now()) {
            return Outcome::Ended;
        }
        if until < Instant::now() {
            return Outcome::TimedOut;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Explains why a process did not become ready: prints the last lines of its log, and returns an error that says what to do.
pub fn explain(paths: &Paths, role: &str, admin: &str, outcome: Outcome) -> Error {
    let log = paths.log(role);
    let text = std::fs::read(&log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(LOG_LINES)) {
        output::note(format_args!("  | {line}"));
    }
    let what = match outcome {
        Outcome::TimedOut => {
            format!(
                "is not ready after a minute (http://{admin}/health/detailed says what is missing)"
            )
        }
        _ => "has ended before it was ready".to_owned(),
    };
    anyhow!(
        "{role} {what}; above are the last lines of {}. Fix what they name and try again; to begin with empty data \
         instead, `./dev down` and remove {}",
        log.display(),
        paths.dev().display()
    )
}

/// Whether a process reports that it is ready.
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
