//! The durable consumer of one publisher's stream.

use super::context::Consumers;
use crate::streams::{self, compare};
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, Config as Got, Consumer, DeliverPolicy};
use async_nats::jetstream::stream::ConsumerErrorKind;
use fault::Fault;

/// The broker's code for a change that it refuses. Its class is that of the broker's own failures.
const CONSUMER_CREATE_ERROR: u64 = 10012;

/// Creates or updates it and compares the outcome with the wanted configuration. The publisher creates the stream: while it is missing,
/// this is UNAVAILABLE. An internal fault: the broker cannot configure it as wanted.
pub(super) async fn ensure(
    consumers: &Consumers,
    publisher: &str,
) -> Result<Consumer<Config>, Fault> {
    let wanted = config(consumers, publisher);
    let name = consumers.name(publisher);
    let stream = streams::events(publisher);
    let created =
        consumers.bus.jetstream().create_consumer_on_stream(wanted.clone(), &stream).await;
    let consumer = match created {
        Ok(consumer) => consumer,
        Err(error) => {
            return Err(match error.kind() {
                // 404 is the stream, which its publisher will create.
                ConsumerErrorKind::JetStream(why)
                    if why.code() != 404
                        && (why.code() < 500 || why.error_code().0 == CONSUMER_CREATE_ERROR) =>
                {
                    Fault::internal(format!("the broker refuses consumer {name}: {why}"))
                }
                _ => Fault::unavailable("the broker", error),
            });
        }
    };
    let differences = differences(&wanted, &consumer.cached_info().config);
    if differences.is_empty() {
        return Ok(consumer);
    }
    Err(Fault::internal(format!(
        "consumer {name} is not configured as wanted: {}",
        differences.join("; ")
    )))
}

/// Where the two differ in a way that could lose or repeat events.
fn differences(wanted: &Config, got: &Got) -> Vec<String> {
    let mut found = Vec::new();
    compare(&mut found, "filter_subject", &wanted.filter_subject, &got.filter_subject);
    compare(&mut found, "ack_policy", &wanted.ack_policy, &got.ack_policy);
    compare(&mut found, "deliver_policy", &wanted.deliver_policy, &got.deliver_policy);
    compare(&mut found, "ack_wait", &wanted.ack_wait, &got.ack_wait);
    compare(&mut found, "max_deliver", &wanted.max_deliver, &got.max_deliver);
    compare(&mut found, "max_ack_pending", &wanted.max_ack_pending, &got.max_ack_pending);
    compare(&mut found, "backoff", &wanted.backoff, &got.backoff);
    found
}

fn config(consumers: &Consumers, publisher: &str) -> Config {
    Config {
        durable_name: Some(consumers.name(publisher)),
        description: Some(format!("what {} takes of {publisher}", consumers.service())),
        filter_subject: format!("{publisher}.>"),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: consumers.tuning.ack_wait,
        max_ack_pending: consumers.tuning.max_ack_pending,
        max_deliver: consumers.tuning.max_deliver,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_a_server_did_not_take_over_is_named_and_what_does_not_matter_is_not() {
        let wanted =
            Config { max_deliver: 1000, ack_policy: AckPolicy::Explicit, ..Config::default() };
        let got = Got { max_deliver: 1000, ack_policy: AckPolicy::Explicit, ..Got::default() };
        let other = Got {
            max_deliver: 5,
            ack_policy: AckPolicy::None,
            backoff: vec![Duration::from_secs(1)],
            ..got.clone()
        };
        assert_eq!(
            differences(&wanted, &other),
            [
                "ack_policy is None, expected Explicit",
                "max_deliver is 5, expected 1000",
                "backoff is [1s], expected []"
            ]
        );
        let described = Got { description: Some("by hand".into()), max_waiting: 7, ..got };
        assert!(differences(&wanted, &described).is_empty());
    }
}
