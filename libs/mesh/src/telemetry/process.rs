//! What the process itself uses, read when it is asked for. Only Linux tells.

use tokio::runtime::Handle;

/// Sets the gauges of the process.
pub(super) fn measure() {
    if let Some(bytes) =
        std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(memory)
    {
        metrics::gauge!("process_resident_memory_bytes").set(bytes);
    }
    if let Some(open) = entries("/proc/self/fd") {
        metrics::gauge!("process_open_fds").set(open);
    }
    if let Some(threads) = entries("/proc/self/task") {
        metrics::gauge!("process_threads").set(threads);
    }
    if let Ok(runtime) = Handle::try_current() {
        metrics::gauge!("tokio_alive_tasks").set(count(runtime.metrics().num_alive_tasks()));
    }
}

/// Bytes of the line `VmRSS:     5120 kB`.
fn memory(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(f64::from(kilobytes) * 1024.0)
}

fn entries(folder: &str) -> Option<f64> {
    std::fs::read_dir(folder).ok().map(|entries| count(entries.count()))
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
