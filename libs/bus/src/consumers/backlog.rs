//! What a service has still to handle. A copy that differs from its owner only by that is late, not wrong.

use super::context::Consumers;
use crate::{dead, envelope, streams};
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::stream::Stream;
use diesel::QueryableByName;
use diesel::sql_types::{Array, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use futures::TryStreamExt;
use pg::{Tx, statement};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// Most events that are read; behind a longer backlog nothing can be said of any aggregate.
const MAX_READ: u64 = 100_000;
/// Events read at a time.
const BATCH_SIZE: usize = 1_000;
/// When the broker removes a reader that its process did not remove.
const READER_EXPIRY: Duration = Duration::from_secs(10);

/// Keys of aggregates, as headers have them, by the ids of their events.
type Events = BTreeMap<Uuid, String>;

impl Consumers {
    /// Which of these aggregates have events that the service has still to handle: published and not handled, or kept until what they
    /// wait for arrives. Dead letters are not among them, since nothing will handle them by itself.
    pub async fn behind(
        &self,
        family: &str,
        keys: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, Fault> {
        let wanted: BTreeMap<String, &String> =
            keys.iter().map(|key| (envelope::printable(key), key)).collect();
        let consumer = &self.name(streams::publisher(family));
        let Some(mut events) = self.unacknowledged(family, consumer).await? else {
            return Ok(keys.clone());
        };
        events.retain(|_, key| wanted.contains_key(key));
        self.leave_out_dead_letters(consumer, &mut events).await?;
        let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
        let (events, names) = (&events, &names);
        let behind = self
            .db
            .read("bus.behind", async move |tx| still_to_handle(tx, consumer, events, names).await)
            .await?;
        Ok(behind.iter().filter_map(|key| wanted.get(key).copied().cloned()).collect())
    }

    /// The events of a family after the last one up to which all are acknowledged. None: there are too many to read.
    async fn unacknowledged(&self, family: &str, consumer: &str) -> Result<Option<Events>, Fault> {
        let name = streams::events(streams::publisher(family));
        let stream = self.bus.jetstream().get_stream_no_info(name).await.map_err(unavailable)?;
        let acknowledged = match stream.consumer_info(consumer).await {
            Ok(info) => info.ack_floor.stream_sequence,
            Err(error) => match error.kind() {
                ConsumerInfoErrorKind::NotFound => 0,
                ConsumerInfoErrorKind::StreamNotFound => return Ok(Some(Events::new())),
                _ => return Err(unavailable(error)),
            },
        };
        let config = Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: acknowledged + 1 },
            ack_policy: AckPolicy::None,
            filter_subject: format!("{family}.>"),
            headers_only: true,
            inactive_threshold: READER_EXPIRY,
            memory_storage: true,
            ..Config::default()
        };
        let reader = stream.create_consumer(config).await.map_err(unavailable)?;
        let found = read(&reader).await;
        remove(&stream, &reader.cached_info().name).await;
        found
    }

    async fn leave_out_dead_letters(
        &self,
        consumer: &str,
        events: &mut Events,
    ) -> Result<(), Fault> {
        if events.is_empty() || dead::count(&self.bus, self.service()).await? == 0 {
            return Ok(());
        }
        let ids: Vec<Uuid> = events.keys().copied().collect();
        for id in ids {
            let found = dead::find(&self.bus, self.service(), consumer, &id.to_string()).await?;
            if found.is_some() {
                events.remove(&id);
            }
        }
        Ok(())
    }
}

async fn read(reader: &Consumer<Config>) -> Result<Option<Events>, Fault> {
    let mut left = reader.cached_info().num_pending;
    if left > MAX_READ {
        return Ok(None);
    }
    let mut events = Events::new();
    while left > 0 {
        let batch = reader.fetch().max_messages(BATCH_SIZE).messages().await;
        let messages: Vec<_> = batch
            .map_err(unavailable)?
            .try_collect()
            .await
            .map_err(|error| Fault::unavailable("the broker", error))?;
        if messages.is_empty() {
            break;
        }
        left = left.saturating_sub(messages.len().try_into().unwrap_or(u64::MAX));
        let headers = messages.iter().filter_map(|message| message.headers.as_ref());
        events.extend(headers.filter_map(|headers| {
            Some((envelope::id(headers)?, envelope::key(headers)?.to_owned()))
        }));
    }
    Ok(Some(events))
}

async fn remove(stream: &Stream<()>, reader: &str) {
    if let Err(error) = stream.delete_consumer(reader).await {
        tracing::debug!(reader, "the broker removes the reader of a backlog later: {error}");
    }
}

/// The keys of events that are not claimed, and those of kept events, which are.
async fn still_to_handle(
    tx: &mut Tx,
    consumer: &str,
    events: &Events,
    keys: &[&str],
) -> Result<BTreeSet<String>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        key: String,
    }
    let (ids, names): (Vec<Uuid>, Vec<&str>) =
        events.iter().map(|(id, key)| (*id, key.as_str())).unzip();
    // One statement, so that an event which moves from one table to the other meanwhile is seen in one of them.
    let rows: Vec<Row> = statement(
        "select event.key from unnest($2, $3) as event (id, key)
         where not exists (select from inbox where consumer = $1 and event_id = event.id)
         union
         select headers->>'key' from early where consumer = $1 and headers->>'key' = any($4)",
    )
    .bind::<Text, _>(consumer)
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(names)
    .bind::<Array<Text>, _>(keys)
    .get_results(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.key).collect())
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::unavailable("the broker", error)
}
