//! Finding letters.

use crate::world::World;
use async_nats::HeaderMap;
use bus::dead::{self, Page};
use bus::{Envelope, streams};
use chrono::{DateTime, SecondsFormat, Utc};
use contracts::operations::v1::DeadLetterFilter;
use futures::future::join_all;
use uuid::Uuid;

/// A letter that a test puts into search's stream.
pub struct Put {
    pub id: Uuid,
    pub consumer: &'static str,
    pub subject: &'static str,
    pub key: String,
    pub reason: &'static str,
    pub last_at: DateTime<Utc>,
    pub version: &'static str,
    pub payload: Vec<u8>,
}

impl Default for Put {
    fn default() -> Self {
        Self {
            id: Uuid::now_v7(),
            consumer: "search-from-pricing",
            subject: "pricing.price.updated",
            key: "key".into(),
            reason: "INTERNAL",
            last_at: Utc::now(),
            version: "1",
            payload: Vec::new(),
        }
    }
}

impl Put {
    fn headers(&self) -> HeaderMap {
        let envelope = Envelope {
            id: self.id,
            subject: self.subject.to_owned(),
            message: "souk.pricing.v1.PriceUpdated".into(),
            source: "/souk/pricing".into(),
            key: self.key.clone(),
            version: 1,
            at: self.last_at,
            traceparent: None,
            correlation_id: None,
            causation_id: None,
        };
        let mut headers = envelope.headers();
        headers.insert("version", self.version);
        headers.insert("souk-reason", self.reason);
        headers.insert("souk-error", "it was not to be");
        headers.insert("souk-attempts", "3");
        let last_at = self.last_at.to_rfc3339_opts(SecondsFormat::Millis, true);
        headers.insert("souk-last-at", last_at);
        headers.insert("souk-original-subject", self.subject);
        headers
    }
}

/// Puts letters in the given order.
pub async fn put(world: &World, letters: &[Put]) {
    streams::ensure_dead(&world.bus, "search").await.unwrap();
    let mut acks = Vec::new();
    for letter in letters {
        let subject = format!("dead.search.{}.{}", letter.consumer, letter.id);
        let payload = letter.payload.clone().into();
        let js = world.bus.jetstream();
        acks.push(js.publish_with_headers(subject, letter.headers(), payload).await.unwrap());
    }
    for acked in join_all(acks.into_iter().map(IntoFuture::into_future)).await {
        acked.unwrap();
    }
}

async fn page(world: &World, filter: &DeadLetterFilter, after: u64, limit: usize) -> Page {
    dead::page(&world.bus, "search", filter, after, limit).await.unwrap()
}

#[tokio::test]
async fn all_conditions_of_a_filter_must_hold() {
    let world = World::new().await;
    let at = |second: i64| DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap();
    let letters = [
        Put { last_at: at(0), ..Put::default() },
        Put { consumer: "search-from-catalog", last_at: at(1), ..Put::default() },
        Put { reason: "UNDECODABLE", last_at: at(2), ..Put::default() },
        Put { key: "Käse".into(), last_at: at(3), ..Put::default() },
        Put { key: "Käse".into(), reason: "UNDECODABLE", last_at: at(4), ..Put::default() },
    ];
    put(&world, &letters).await;
    let found = async |change: &dyn Fn(&mut DeadLetterFilter)| {
        let mut filter = DeadLetterFilter::default();
        change(&mut filter);
        let page = page(&world, &filter, 0, 100).await;
        assert_eq!(page.next, None);
        page.letters.iter().map(|letter| letter.sequence).collect::<Vec<_>>()
    };
    let instant =
        |second: i64| Some(prost_types::Timestamp { seconds: 1_700_000_000 + second, nanos: 0 });
    assert_eq!(found(&|_| {}).await, [1, 2, 3, 4, 5]);
    assert_eq!(found(&|filter| filter.consumer = "search-from-catalog".into()).await, [2]);
    assert!(found(&|filter| filter.consumer = "search-from-*".into()).await.is_empty());
    assert_eq!(found(&|filter| filter.reason = "UNDECODABLE".into()).await, [3, 5]);
    assert_eq!(found(&|filter| filter.key = "Käse".into()).await, [4, 5]);
    assert_eq!(found(&|filter| filter.event_id = letters[3].id.to_string()).await, [4]);
    assert_eq!(found(&|filter| filter.from = instant(2)).await, [3, 4, 5]);
    assert_eq!(found(&|filter| filter.to = instant(2)).await, [1, 2]);
    let both = |filter: &mut DeadLetterFilter| {
        filter.key = "Käse".into();
        filter.reason = "UNDECODABLE".into();
        filter.from = instant(4);
    };
    assert_eq!(found(&both).await, [5]);
}

#[tokio::test]
async fn pages_follow_each_other_and_none_reads_without_bound() {
    let world = World::new().await;
    let mut letters: Vec<Put> = (0..2_100).map(|_| Put::default()).collect();
    letters[2_050].reason = "RARE";
    put(&world, &letters).await;
    let all = DeadLetterFilter::default();
    let first = page(&world, &all, 0, 3).await;
    let sequences: Vec<u64> = first.letters.iter().map(|letter| letter.sequence).collect();
    assert_eq!((sequences, first.next), (vec![1, 2, 3], Some(3)));
    assert_eq!(page(&world, &all, 3, 3).await.letters[0].sequence, 4);

    let rare = DeadLetterFilter { reason: "RARE".into(), ..DeadLetterFilter::default() };
    let first = page(&world, &rare, 0, 100).await;
    assert_eq!((first.letters.len(), first.next), (0, Some(2_000)));
    let second = page(&world, &rare, 2_000, 100).await;
    assert_eq!((second.letters[0].sequence, second.next), (2_051, None));
    let counted =
        async |last, most| dead::matching(&world.bus, "search", &rare, last, most).await.unwrap();
    assert_eq!(counted(u64::MAX, 3_000).await, (1, true));
    assert_eq!(counted(2_050, 3_000).await, (0, true));
    assert_eq!(counted(u64::MAX, 1_000).await, (0, false));
    // What the broker can look for by itself is found however many others there are.
    let one = DeadLetterFilter { event_id: letters[2_099].id.to_string(), ..all };
    assert_eq!(page(&world, &one, 0, 100).await.letters[0].sequence, 2_100);
}

#[tokio::test]
async fn a_page_of_large_letters_is_short() {
    let world = World::new().await;
    let large = || Put { payload: vec![7; 200 * 1024], ..Put::default() };
    put(&world, &(0..30).map(|_| large()).collect::<Vec<_>>()).await;
    let all = DeadLetterFilter::default();
    let (mut after, mut sizes) = (Some(0), Vec::new());
    while let Some(begin) = after {
        let page = page(&world, &all, begin, 500).await;
        sizes.push(page.letters.len());
        after = page.next;
    }
    assert_eq!(sizes, [11, 11, 8]);
}

#[tokio::test]
async fn a_service_that_never_listened_has_no_letters() {
    let world = World::new().await;
    let found = dead::page(&world.bus, "pricing", &DeadLetterFilter::default(), 0, 10).await;
    assert!(found.unwrap().letters.is_empty());
    assert!(dead::list(&world.bus, "pricing", 0, 10).await.unwrap().is_empty());
    assert!(dead::find(&world.bus, "pricing", "c", "e").await.unwrap().is_none());
    assert_eq!(dead::count(&world.bus, "pricing").await.unwrap(), 0);
    assert_eq!(dead::last(&world.bus, "pricing").await.unwrap(), 0);
}
