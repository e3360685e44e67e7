//! Says an event to the broker as a relay would, for tests that need an order which no service produces.

use crate::{Mesh, eventually};
use async_nats::jetstream::context::PublishErrorKind;
use contracts::{Event, Fact};
use uuid::Uuid;

/// Publishes an event and waits for the broker's word.
pub async fn say<E: Event>(mesh: &Mesh, event: &E) {
    say_as(mesh, Uuid::now_v7(), &Fact::from(event)).await;
}

/// The same with the event's id: said again, it is the same event. The broker is given no id by which it could know one again.
pub async fn say_as(mesh: &Mesh, id: Uuid, fact: &Fact) {
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
    // The relay makes the stream when it first reaches the broker, which may be after the mesh is ready.
    eventually("the broker takes the event", async || {
        let payload = fact.payload.clone().into();
        let sent = js.publish_with_headers(subject, headers.clone(), payload).await;
        match sent.unwrap().await {
            Ok(_) => Some(()),
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound => None,
            Err(error) => panic!("{subject} was not taken: {error}"),
        }
    })
    .await;
}
