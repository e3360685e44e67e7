//! Takes the messages of one publisher off the broker and gives them to the workers, through every outage.

use super::context::Consumers;
use super::durable;
use super::in_progress::{InProgress, Source};
use super::workers::Queues;
use crate::streams;
use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::consumer::pull::Stream;
use fault::{Fault, Kind, point};
use futures::{FutureExt, StreamExt};
use std::time::Duration;
use tokio::task::unconstrained;
use tokio_util::sync::CancellationToken;

/// Messages that are requested at a time; `max_ack_pending` bounds those in progress.
const MAX_PULL: usize = 128;

/// How often the stream of a publisher that no service of the contract is yet is looked for: its events are defined before it is built.
const UNSERVED_PAUSE: Duration = Duration::from_secs(60);

/// Follows one publisher until `stop`.
pub(super) async fn follow(
    consumers: &Consumers,
    publisher: &str,
    queues: &Queues,
    in_progress: &InProgress,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let mut source = Source::new(consumers.name(publisher));
    let mut pause = Duration::from_millis(100);
    let mut started = false;
    while !stop.is_cancelled() {
        match subscribe(consumers, publisher).await {
            Ok((info, messages)) => {
                started = true;
                consumers.following.send_modify(|all| {
                    all.insert(publisher.to_owned());
                });
                pause = Duration::from_millis(100);
                source.subscribed(info.created.into(), info.delivered.consumer_sequence);
                drain(messages, &mut source, queues, in_progress, stop).await;
            }
            // At the start it is a wrong configuration, later a failure of the broker, which passes.
            Err(fault) if fault.kind() == Kind::Internal && !started => return Err(fault),
            Err(_) if !started && !is_served(publisher) => {
                let _ = tokio::time::timeout(UNSERVED_PAUSE, stop.cancelled()).await;
            }
            Err(fault) => {
                tracing::info!(
                    consumer = &*source.consumer,
                    "waits for the stream: {}",
                    fault.chain()
                );
                let _ = tokio::time::timeout(pause, stop.cancelled()).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
    Ok(())
}

fn is_served(publisher: &str) -> bool {
    let package = format!("/souk.{publisher}.");
    contracts::methods().iter().any(|method| method.path.starts_with(&package))
}

/// The messages, and the durable consumer that hands them out, as it was before the first of them.
async fn subscribe(consumers: &Consumers, publisher: &str) -> Result<(Info, Stream), Fault> {
    // A broker that lost its data has lost these too, and nothing else creates them again.
    streams::ensure_dead_and_advisories(&consumers.bus, consumers.service()).await?;
    let consumer = durable::ensure(consumers, publisher).await?;
    point::reached("consumer.ready").await?;
    // Without heartbeats a broker that stands still, or a consumer that was deleted, would look like a stream without messages.
    let messages = consumer
        .stream()
        .max_messages_per_batch(MAX_PULL)
        .expires(Duration::from_secs(5))
        .heartbeat(Duration::from_secs(2))
        .messages()
        .await
        .map_err(|error| Fault::unavailable("the broker", error))?;
    Ok((consumer.cached_info().clone(), messages))
}

/// Returns when the subscription has failed; a new one then makes sure that the consumer exists.
async fn drain(
    mut messages: Stream,
    source: &mut Source,
    queues: &Queues,
    in_progress: &InProgress,
    stop: &CancellationToken,
) {
    loop {
        match stop.run_until_cancelled(messages.next()).await {
            Some(Some(Ok(message))) => {
                if let Ok(info) = message.info() {
                    source.delivered(info.consumer_sequence);
                }
                let held = in_progress.track(message, source);
                // A failure here is a message that got lost on its way to a worker: it is delivered again.
                if point::reached("consumer.received").await.is_ok() {
                    queues.send(held);
                }
            }
            Some(Some(Err(error))) => {
                let consumer = &*source.consumer;
                metrics::counter!("consumer_interruptions_total", "consumer" => consumer.to_owned())
                    .increment(1);
                tracing::info!(consumer, "subscribes again: {error}");
                return;
            }
            Some(None) => return,
            None => break,
        }
    }
    // Delivered to this process already, which will not handle them: another replica can have them at once.
    let mut unhandled = Vec::new();
    while let Some(Some(Ok(message))) = unconstrained(messages.next()).now_or_never() {
        unhandled.push(message);
    }
    drop(messages);
    for message in unhandled {
        let _ = message.ack_with(AckKind::Nak(None)).await;
    }
}
