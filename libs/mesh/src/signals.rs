//! Signals that end the process.

use crate::Tasks;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for SIGTERM or SIGINT and returns the signal's number.
pub async fn shutdown_signal() -> std::io::Result<i32> {
    Ok(Signals::listen()?.next().await)
}

/// Ends the process in order at the first signal. At the second one it exits at once, with 128 plus the signal's number as shells count:
/// 130 for SIGINT, 143 for SIGTERM.
pub fn stop_on_signals(tasks: &Tasks) -> std::io::Result<()> {
    let mut signals = Signals::listen()?;
    let stop = tasks.stop();
    // Not one of the tasks: it must still receive signals while they end.
    tokio::spawn(async move {
        let first = signals.next().await;
        tracing::info!(signal = first, "shutting down; send the signal again to stop at once");
        stop.cancel();
        std::process::exit(128 + signals.next().await);
    });
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        }
    }
}
