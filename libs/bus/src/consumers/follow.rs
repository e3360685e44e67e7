//! Takes the messages of one publisher off the broker and gives them to the workers, through every outage.

use super::held::{Held, Source};
use super::work::Queues;
use super::{Consumers, durable};
use crate::streams;
use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::consumer::pull::Stream;
use fault::{Fault, Kind, point};
use futures::{FutureExt, StreamExt};
use std::time::Duration;
use tokio::task::unconstrained;
use tokio_util::sync::CancellationToken;

/// Messages that are asked for at a time; `max_ack_pending` bounds what is held.
const PULL: usize = 128;

/// Follows one publisher until `stop`.
pub(super) async fn follow(
    consumers: &Consumers,
    publisher: &str,
    queues: &Queues,
    held: &Held,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    let mut source = Source::new(consumers.name(publisher));
    let mut pause = Duration::from_millis(100);
    let mut started = false;
    while !stop.is_cancelled() {
        match subscribe(consumers, publisher).await {
            Ok((info, messages)) => {
                started = true;
                pause = Duration::from_millis(100);
                source.found(info.created.into(), info.delivered.consumer_sequence);
                drain(messages, &mut source, queues, held, stop).await;
            }
            // At the start it is a wrong configuration, later a broker in trouble, which passes.
            Err(fault) if fault.kind() == Kind::Internal && !started => return Err(fault),
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

/// The messages, and the durable consumer that hands them out, as it was before the first of them.
async fn subscribe(consumers: &Consumers, publisher: &str) -> Result<(Info, Stream), Fault> {
    // A broker that lost its data has lost these too, and nobody else would make them anew.
    streams::ensure_last_nets(&consumers.bus, consumers.service()).await?;
    let consumer = durable::ensure(consumers, publisher).await?;
    point::reached("consumer.ready").await?;
    // The heartbeat notices within seconds that the broker is frozen, or that the consumer is gone without a word.
    let messages = consumer
        .stream()
        .max_messages_per_batch(PULL)
        .expires(Duration::from_secs(5))
        .heartbeat(Duration::from_secs(2))
        .messages()
        .await
        .map_err(|error| Fault::unavailable("the broker", error))?;
    Ok((consumer.cached_info().clone(), messages))
}

/// Returns when the subscription is of no more use; a new one then makes sure that the consumer is there.
async fn drain(
    mut messages: Stream,
    source: &mut Source,
    queues: &Queues,
    held: &Held,
    stop: &CancellationToken,
) {
    loop {
        match stop.run_until_cancelled(messages.next()).await {
            Some(Some(Ok(message))) => {
                if let Ok(info) = message.info() {
                    source.handed_out(info.consumer_sequence);
                }
                let hold = held.hold(message, source);
                // What fails here is a message that got lost on its way to a worker: it comes again.
                if point::reached("consumer.received").await.is_ok() {
                    queues.give(hold);
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
    // Sent to us already, but another replica can have them at once; we can not, as we ask for no more.
    let mut come = Vec::new();
    while let Some(Some(Ok(message))) = unconstrained(messages.next()).now_or_never() {
        come.push(message);
    }
    drop(messages);
    for message in come {
        let _ = message.ack_with(AckKind::Nak(None)).await;
    }
}
