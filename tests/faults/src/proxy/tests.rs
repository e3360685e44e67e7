use super::*;
use std::io::ErrorKind;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// A server that echoes, and a proxy before it.
async fn echo() -> Proxy {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    Proxy::before(port).await.unwrap()
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
}

/// Sends `text` and expects it back.
async fn echoed(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).await?;
    assert_eq!(back, text.as_bytes());
    Ok(())
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    timeout(Duration::from_millis(100), stream.read(&mut byte)).await.is_err()
}

async fn is_reset(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    let read = timeout(Duration::from_secs(10), stream.read(&mut byte)).await.unwrap();
    read.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn passes_and_ends_with_either_side() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    echoed(&mut stream, "hello").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn lags_and_keeps_the_order() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    proxy.set(Network::Delays(Duration::from_millis(50), Duration::from_millis(60)));
    let begun = Instant::now();
    echoed(&mut stream, "slow").await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(100), "{:?}", begun.elapsed());
    stream.write_all(b"first ").await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    proxy.set(Network::Passes);
    stream.write_all(b"second").await.unwrap();
    let mut back = [0; 12];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"first second");
}

#[tokio::test]
async fn cuts_what_is_open_and_refuses_what_is_new() {
    let proxy = echo().await;
    let mut open = connect(&proxy).await;
    echoed(&mut open, "hello").await.unwrap();
    proxy.set(Network::Refuses);
    assert!(is_reset(&mut open).await);
    let mut new = connect(&proxy).await;
    assert!(is_reset(&mut new).await);
    proxy.set(Network::Passes);
    let mut open = connect(&proxy).await;
    echoed(&mut open, "hello").await.unwrap();
    proxy.cut().await;
    assert!(is_reset(&mut open).await);
    echoed(&mut connect(&proxy).await, "hello").await.unwrap();
}

#[tokio::test]
async fn drops_silently_and_resets_a_connection_that_missed_something() {
    let proxy = echo().await;
    let (mut sender, mut idle) = (connect(&proxy).await, connect(&proxy).await);
    echoed(&mut sender, "hello").await.unwrap();
    echoed(&mut idle, "hello").await.unwrap();
    proxy.set(Network::Drops);
    sender.write_all(b"lost").await.unwrap();
    let mut new = connect(&proxy).await;
    new.write_all(b"lost").await.unwrap();
    assert!(is_silent(&mut sender).await && is_silent(&mut new).await);
    proxy.set(Network::Passes);
    assert!(is_reset(&mut sender).await && is_reset(&mut new).await);
    echoed(&mut idle, "hello").await.unwrap();
}

#[tokio::test]
async fn one_direction_may_be_dropped() {
    for network in [Network::DropsRequests, Network::DropsAnswers] {
        let proxy = echo().await;
        let mut stream = connect(&proxy).await;
        echoed(&mut stream, "hello").await.unwrap();
        proxy.set(network);
        stream.write_all(b"lost").await.unwrap();
        assert!(is_silent(&mut stream).await);
    }
}

#[tokio::test]
async fn cuts_after_so_many_bytes() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    echoed(&mut stream, "before").await.unwrap();
    proxy.set(Network::CutsAfter(10));
    // Eight bytes both ways, and then two of eight.
    echoed(&mut stream, "four").await.unwrap();
    stream.write_all(b"four").await.unwrap();
    assert!(is_reset(&mut stream).await);
}

#[tokio::test]
async fn forgets_what_is_open_for_good_and_passes_what_is_new() {
    let proxy = echo().await;
    let mut open = connect(&proxy).await;
    echoed(&mut open, "hello").await.unwrap();
    proxy.half_open();
    open.write_all(b"lost").await.unwrap();
    assert!(is_silent(&mut open).await);
    echoed(&mut connect(&proxy).await, "hello").await.unwrap();
    proxy.set(Network::Delays(Duration::ZERO, Duration::ZERO));
    proxy.set(Network::Passes);
    assert!(is_silent(&mut open).await);
}
