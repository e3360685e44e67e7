//! Says an event to the broker as a relay would, for tests that need an order which no service produces.

use crate::{Mesh, eventually};
use async_nats::jetstream::context::PublishErrorKind;
use contracts::Event;
use uuid::Uuid;

/// Publishes an event and waits for the broker's word.
pub async fn say<E: Event>(mesh: &Mesh, event: &E) {
    let id = Uuid::now_v7();
    let envelope = bus::Envelope {
        id,
        subject: E::SUBJECT.to_owned(),
        message: E::TYPE.to_owned(),
        source: format!("/souk/{}", bus::streams::publisher(E::SUBJECT)),
        key: event.key().to_owned(),
        version: event.version(),
        at: chrono::Utc::now(),
        traceparent: None,
        correlation_id: None,
        causation_id: None,
    };
    let (js, headers, bytes) = (mesh.jetstream(), envelope.headers(), event.encode_to_vec());
    // The relay makes the stream when it first reaches the broker, which may be after the mesh is ready.
    eventually("the broker takes the event", async || {
        let sent = js.publish_with_headers(E::SUBJECT, headers.clone(), bytes.clone().into()).await;
        match sent.unwrap().await {
            Ok(_) => Some(()),
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound => None,
            Err(error) => panic!("{} was not taken: {error}", E::SUBJECT),
        }
    })
    .await;
}
