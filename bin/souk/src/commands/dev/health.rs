use super::places::Places;
use super::process;
use crate::say;
use anyhow::{Error, anyhow};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(2);
const LAST_LINES: usize = 15;

/// What became of a process that was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It may be sent calls.
    Ready,
    /// It has ended.
    Ended,
    /// It runs and is not ready, and nobody knows whether it ever will be.
    Late,
}

/// Waits until a process is ready.
pub async fn wait(places: &Places, pid: u32, admin: &str) -> Outcome {
    // Until setsid has become the program, a process that was just started looks like none of ours.
    let grace = Instant::now() + GRACE;
    let until = Instant::now() + PATIENCE;
    let mut seen = false;
    loop {
        let alive = process::alive(places, pid);
        seen |= alive;
        if alive && is_ready(admin).await {
            return Outcome::Ready;
        }
        if !alive && (seen || grace < Instant::now()) {
            return Outcome::Ended;
        }
        if until < Instant::now() {
            return Outcome::Late;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Says what a person needs to know of a process that did not become ready: its log's last lines, and the way out.
pub fn explain(places: &Places, role: &str, admin: &str, outcome: Outcome) -> Error {
    let log = places.log(role);
    let text = std::fs::read(&log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(LAST_LINES)) {
        say::note(format_args!("  | {line}"));
    }
    let what = match outcome {
        Outcome::Late => {
            format!(
                "is not ready after a minute (http://{admin}/health/detailed says what is missing)"
            )
        }
        _ => "has ended before it was ready".to_owned(),
    };
    anyhow!(
        "{role} {what}; above are the last lines of {}. Mend what they name and try again; to begin with empty data \
         instead, `./dev down` and remove {}",
        log.display(),
        places.dev().display()
    )
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
