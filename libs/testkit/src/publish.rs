//! Publishes events directly to the broker, as the relay does, for tests that need an order of events that no service produces.

use crate::{Mesh, eventually};
use async_nats::jetstream::context::PublishErrorKind;
use contracts::{Event, Fact};
use uuid::Uuid;

/// Publishes an event and waits for the broker's acknowledgement.
pub async fn publish<E: Event>(mesh: &Mesh, event: &E) {
    publish_as(mesh, Uuid::now_v7(), &Fact::from(event)).await;
}

/// Like [`publish`], with a given event id, so that a test can publish the same event twice. It sets no message id, so the broker does
/// not deduplicate.
pub async fn publish_as(mesh: &Mesh, id: Uuid, fact: &Fact) {
    let subject = fact.subject;
    let envelope = bus::Envelope {
        id,
        subject: subject.to_owned(),
        message: fact.message.to_owned(),
        source: format!("/souk/{}", bus::streams::publisher(subject)),
        key: fact.key.clone(),
        version: fact.version,
        at: chrono::Utc::now(),
        traceparent: None,
        correlation_id: None,
        causation_id: None,
    };
    let (js, headers) = (mesh.jetstream(), envelope.headers());
    // The relay creates the stream when it first connects to the broker, which may be after the mesh is ready.
    eventually("the broker accepts the event", async || {
        let payload = fact.payload.clone().into();
        let sent = js.publish_with_headers(subject, headers.clone(), payload).await;
        match sent.unwrap().await {
            Ok(_) => Some(()),
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound => None,
            Err(error) => panic!("{subject} was not accepted: {error}"),
        }
    })
    .await;
}
