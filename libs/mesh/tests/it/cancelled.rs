//! Calls that are cancelled before the server comes to them, as another service does whose deadlines passed while this one was frozen.

use crate::fixture::Fixture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

// Kinds and flags of frames, RFC 9113.
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// Code of a stream that its client gives up.
const CANCEL: [u8; 4] = [0, 0, 0, 8];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn hundreds_of_calls_that_are_cancelled_at_once_do_not_end_their_connection() {
    let fixture = Fixture::start().await;
    // POST, http, and a path of its own.
    let path = b"/souk.pricing.v1.PricingService/GetPrice";
    let headers =
        [&[0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()], path.as_slice()].concat();
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    sent.extend(frame(SETTINGS, 0, 0, &[]));
    for call in 0..500 {
        sent.extend(frame(HEADERS, END_HEADERS, 2 * call + 1, &headers));
        sent.extend(frame(RST_STREAM, 0, 2 * call + 1, &CANCEL));
    }
    sent.extend(frame(PING, 0, 0, &[7; 8]));
    let mut stream = TcpStream::connect(fixture.running.grpc()).await.unwrap();
    stream.write_all(&sent).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("the connection stays open");
        let [a, b, c, kind, flags, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload).await.unwrap();
        assert_ne!(kind, GOAWAY, "{}", String::from_utf8_lossy(&payload));
        if (kind, flags) == (PING, ACK) {
            break;
        }
    }
    fixture.end().await;
}
