//! The admin port.

use crate::fixture::Fixture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_client_that_does_not_end_the_head_of_its_request_is_disconnected() {
    let fixture = Fixture::with(|config| config.server.admin_head_timeout_ms = 50).await;
    for half in ["", "GET /health/live HT", "GET /health/live HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(fixture.running.admin()).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    assert_eq!(fixture.page("/health/live").await.0, 200);
    fixture.end().await;
}

#[tokio::test]
async fn metrics_show_what_the_process_uses() {
    let fixture = Fixture::start().await;
    let (_, text) = fixture.page("/metrics").await;
    for name in [
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_threads",
        "tokio_alive_tasks",
    ] {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value: f64 =
            value.unwrap_or_else(|| panic!("{name} is not in:\n{text}")).parse().unwrap();
        assert!(value >= 1.0, "{name} is {value}");
    }
    fixture.end().await;
}
