//! Listing and filtering dead letters.

use crate::fixture::Fixture;
use async_nats::HeaderMap;
use bus::dead::{self, Page};
use bus::{Envelope, streams};
use chrono::{DateTime, SecondsFormat, Utc};
use contracts::operations::v1::DeadLetterFilter;
use futures::future::join_all;
use uuid::Uuid;

/// A dead letter that a test stores in search's stream.
pub struct StoredDeadLetter {
    pub id: Uuid,
    pub consumer: &'static str,
    pub subject: &'static str,
    pub key: String,
    pub reason: &'static str,
    pub last_at: DateTime<Utc>,
    pub version: &'static str,
    pub payload: Vec<u8>,
}

impl Default for StoredDeadLetter {
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

impl StoredDeadLetter {
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

/// Stores dead letters in the given order.
pub async fn store_dead_letters(fixture: &Fixture, dead_letters: &[StoredDeadLetter]) {
    streams::ensure_dead(&fixture.bus, "search").await.unwrap();
    let mut acks = Vec::new();
    for dead_letter in dead_letters {
        let subject = format!("dead.search.{}.{}", dead_letter.consumer, dead_letter.id);
        let payload = dead_letter.payload.clone().into();
        let js = fixture.bus.jetstream();
        acks.push(js.publish_with_headers(subject, dead_letter.headers(), payload).await.unwrap());
    }
    for acked in join_all(acks.into_iter().map(IntoFuture::into_future)).await {
        acked.unwrap();
    }
}

async fn page(fixture: &Fixture, filter: &DeadLetterFilter, after: u64, limit: usize) -> Page {
    dead::page(&fixture.bus, "search", filter, after, limit).await.unwrap()
}

#[tokio::test]
async fn all_conditions_of_a_filter_must_hold() {
    let fixture = Fixture::new().await;
    let at = |second: i64| DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap();
    let dead_letters = [
        StoredDeadLetter { last_at: at(0), ..StoredDeadLetter::default() },
        StoredDeadLetter {
            consumer: "search-from-catalog",
            last_at: at(1),
            ..StoredDeadLetter::default()
        },
        StoredDeadLetter { reason: "UNDECODABLE", last_at: at(2), ..StoredDeadLetter::default() },
        StoredDeadLetter { key: "Käse".into(), last_at: at(3), ..StoredDeadLetter::default() },
        StoredDeadLetter {
            key: "Käse".into(),
            reason: "UNDECODABLE",
            last_at: at(4),
            ..StoredDeadLetter::default()
        },
    ];
    store_dead_letters(&fixture, &dead_letters).await;
    let found = async |change: &dyn Fn(&mut DeadLetterFilter)| {
        let mut filter = DeadLetterFilter::default();
        change(&mut filter);
        let page = page(&fixture, &filter, 0, 100).await;
        assert_eq!(page.next, None);
        page.dead_letters.iter().map(|dead_letter| dead_letter.sequence).collect::<Vec<_>>()
    };
    let instant =
        |second: i64| Some(prost_types::Timestamp { seconds: 1_700_000_000 + second, nanos: 0 });
    assert_eq!(found(&|_| {}).await, [1, 2, 3, 4, 5]);
    assert_eq!(found(&|filter| filter.consumer = "search-from-catalog".into()).await, [2]);
    assert!(found(&|filter| filter.consumer = "search-from-*".into()).await.is_empty());
    assert_eq!(found(&|filter| filter.reason = "UNDECODABLE".into()).await, [3, 5]);
    assert_eq!(found(&|filter| filter.key = "Käse".into()).await, [4, 5]);
    assert_eq!(found(&|filter| filter.event_id = dead_letters[3].id.to_string()).await, [4]);
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
    let fixture = Fixture::new().await;
    let mut dead_letters: Vec<StoredDeadLetter> =
        (0..2_100).map(|_| StoredDeadLetter::default()).collect();
    dead_letters[2_050].reason = "RARE";
    store_dead_letters(&fixture, &dead_letters).await;
    let all = DeadLetterFilter::default();
    let first = page(&fixture, &all, 0, 3).await;
    let sequences: Vec<u64> =
        first.dead_letters.iter().map(|dead_letter| dead_letter.sequence).collect();
    assert_eq!((sequences, first.next), (vec![1, 2, 3], Some(3)));
    assert_eq!(page(&fixture, &all, 3, 3).await.dead_letters[0].sequence, 4);

    let rare = DeadLetterFilter { reason: "RARE".into(), ..DeadLetterFilter::default() };
    let first = page(&fixture, &rare, 0, 100).await;
    assert_eq!((first.dead_letters.len(), first.next), (0, Some(2_000)));
    let second = page(&fixture, &rare, 2_000, 100).await;
    assert_eq!((second.dead_letters[0].sequence, second.next), (2_051, None));
    let counted = async |last, most| {
        dead::count_matching(&fixture.bus, "search", &rare, last, most).await.unwrap()
    };
    assert_eq!(counted(u64::MAX, 3_000).await, (1, true));
    assert_eq!(counted(2_050, 3_000).await, (0, true));
    assert_eq!(counted(u64::MAX, 1_000).await, (0, false));
    // What the broker can filter by itself is found however many others there are.
    let one = DeadLetterFilter { event_id: dead_letters[2_099].id.to_string(), ..all };
    assert_eq!(page(&fixture, &one, 0, 100).await.dead_letters[0].sequence, 2_100);
}

#[tokio::test]
async fn a_page_of_large_dead_letters_is_short() {
    let fixture = Fixture::new().await;
    let large = || StoredDeadLetter { payload: vec![7; 200 * 1024], ..StoredDeadLetter::default() };
    store_dead_letters(&fixture, &(0..30).map(|_| large()).collect::<Vec<_>>()).await;
    let all = DeadLetterFilter::default();
    let (mut after, mut sizes) = (Some(0), Vec::new());
    while let Some(begin) = after {
        let page = page(&fixture, &all, begin, 500).await;
        sizes.push(page.dead_letters.len());
        after = page.next;
    }
    assert_eq!(sizes, [11, 11, 8]);
}

#[tokio::test]
async fn a_service_that_never_consumed_has_no_dead_letters() {
    let fixture = Fixture::new().await;
    let found = dead::page(&fixture.bus, "pricing", &DeadLetterFilter::default(), 0, 10).await;
    assert!(found.unwrap().dead_letters.is_empty());
    assert!(dead::list(&fixture.bus, "pricing", 0, 10).await.unwrap().is_empty());
    assert!(dead::find(&fixture.bus, "pricing", "c", "e").await.unwrap().is_none());
    assert_eq!(dead::count(&fixture.bus, "pricing").await.unwrap(), 0);
    assert_eq!(dead::last(&fixture.bus, "pricing").await.unwrap(), 0);
}
