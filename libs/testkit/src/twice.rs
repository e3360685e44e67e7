//! Delivers every event a second time, with the same event id and payload but as a new message of the broker. A relay does the same
//! when it lost an acknowledgement and the broker's deduplication window is over.

use async_nats::jetstream;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

const COPY: &str = "Souk-Test-Copy";

/// Publishes every event of `stream` again until `stop`.
pub(crate) async fn copy(js: jetstream::Context, stream: String, stop: CancellationToken) {
    // The relay creates the stream when it first connects to the broker.
    let stream = loop {
        match js.get_stream(&stream).await {
            Ok(stream) => break stream,
            Err(_) if stop.is_cancelled() => return,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    let config = pull::Config {
        durable_name: Some("test-copier".to_owned()),
        deliver_policy: DeliverPolicy::All,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    loop {
        let next = tokio::select! {
            () = stop.cancelled() => return,
            next = messages.next() => next,
        };
        // If a test kills the broker the stream ends or returns errors; it recovers when the broker is back.
        let Some(Ok(message)) = next else { continue };
        let mut headers = message.headers.clone().unwrap_or_default();
        if headers.get(COPY).is_none() {
            headers = without_nats(&headers);
            headers.insert(COPY, "1");
            let copied =
                js.publish_with_headers(message.subject.clone(), headers, message.payload.clone());
            let Ok(sent) = copied.await else { continue };
            if sent.await.is_err() {
                continue;
            }
        }
        let _ = message.ack().await;
    }
}

fn without_nats(headers: &async_nats::HeaderMap) -> async_nats::HeaderMap {
    let mut kept = async_nats::HeaderMap::new();
    for (name, values) in headers.iter() {
        if !AsRef::<str>::as_ref(name).starts_with("Nats-") {
            for value in values {
                kept.append(name.clone(), value.clone());
            }
        }
    }
    kept
}
