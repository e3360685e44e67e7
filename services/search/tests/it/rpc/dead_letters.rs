//! RPCs for events that search could not handle.

use crate::shop::{ALL, ended};
use bus::Envelope;
use contracts::Event;
use contracts::operations::v1::{
    DeadLetterFilter, DiscardDeadLettersRequest, GetDeadLetterRequest, ListDeadLettersRequest,
    ListDeadLettersResponse, ReplayDeadLettersRequest, ReplayReport,
};
use pricing_api::v1::PriceDeleted;
use prost::Message;
use prost_types::Timestamp;
use testkit::{Mesh, Options, eventually, reason};
use uuid::Uuid;

const CONSUMER: &str = "search-from-pricing";

async fn mesh() -> Mesh {
    Mesh::boot_with(&ALL, Options { dead_letters: true, ..Options::default() }).await
}

fn deleted(id: Uuid) -> PriceDeleted {
    PriceDeleted { price_id: id.to_string(), version: 1, product_id: Uuid::now_v7().to_string() }
}

fn headers(id: Uuid, key: &str) -> async_nats::HeaderMap {
    let envelope = Envelope {
        id,
        subject: PriceDeleted::SUBJECT.to_owned(),
        message: PriceDeleted::TYPE.to_owned(),
        source: "/souk/pricing".to_owned(),
        key: key.to_owned(),
        version: 1,
        at: chrono::Utc::now(),
        traceparent: None,
        correlation_id: None,
        causation_id: None,
    };
    envelope.headers()
}

/// Publishes as soon as the stream exists; its owner creates it when it first connects to the broker.
async fn publish(mesh: &Mesh, subject: &str, headers: async_nats::HeaderMap, bytes: Vec<u8>) {
    eventually("the broker takes it", async || {
        let js = mesh.jetstream();
        let sent =
            js.publish_with_headers(subject.to_owned(), headers.clone(), bytes.clone().into());
        sent.await.unwrap().await.ok()
    })
    .await;
}

/// Publishes a dead letter of an event that this binary can handle.
async fn dead_letter(mesh: &Mesh, event: &PriceDeleted, why: &str) -> Uuid {
    let id = Uuid::now_v7();
    let mut headers = headers(id, event.key());
    headers.insert("souk-reason", why);
    headers.insert("souk-error", "a bug that is fixed");
    headers.insert("souk-attempts", "3");
    headers.insert("souk-last-at", "2026-01-01T00:00:00.000Z");
    headers.insert("souk-original-subject", PriceDeleted::SUBJECT);
    let subject = format!("dead.search.{CONSUMER}.{id}");
    publish(mesh, &subject, headers, event.encode_to_vec()).await;
    id
}

async fn list(mesh: &Mesh, request: ListDeadLettersRequest) -> ListDeadLettersResponse {
    let request = ListDeadLettersRequest { service: "search".into(), ..request };
    mesh.operations().list_dead_letters(request).await.unwrap().into_inner()
}

fn with_key(key: &str) -> Option<DeadLetterFilter> {
    Some(DeadLetterFilter { key: key.to_owned(), ..DeadLetterFilter::default() })
}

/// A time range that ends before it begins.
fn reversed_range() -> Option<DeadLetterFilter> {
    let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
    Some(DeadLetterFilter { from: at(2), to: at(1), ..DeadLetterFilter::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_page_by_page_and_shown_with_their_event() {
    let mesh = mesh().await;
    let events: Vec<PriceDeleted> = (0..3).map(|_| deleted(Uuid::now_v7())).collect();
    let mut ids = Vec::new();
    for event in &events {
        ids.push(dead_letter(&mesh, event, "INTERNAL").await.to_string());
    }
    let first = list(&mesh, ListDeadLettersRequest { page_size: 2, ..Default::default() }).await;
    let second = ListDeadLettersRequest {
        page_size: 2,
        page_token: first.next_page_token.clone(),
        ..Default::default()
    };
    let second = list(&mesh, second).await;
    let listed = first.letters.iter().chain(&second.letters);
    assert_eq!(listed.map(|dead_letter| dead_letter.event_id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!((first.letters.len(), second.next_page_token.as_str()), (2, ""));
    assert!(first.letters.iter().all(|dead_letter| dead_letter.payload.is_empty()));

    let filter = with_key(events[1].key());
    let one = list(&mesh, ListDeadLettersRequest { filter, ..Default::default() }).await;
    let [dead_letter] = one.letters.as_slice() else { panic!("{one:?}") };
    let request = GetDeadLetterRequest {
        service: "search".into(),
        consumer: CONSUMER.into(),
        event_id: ids[1].clone(),
    };
    let answer = mesh.operations().get_dead_letter(request).await.unwrap().into_inner();
    let whole = answer.letter.unwrap();
    assert_eq!(whole.payload, events[1].encode_to_vec());
    assert!(whole.payload_json.contains(events[1].key()), "{}", whole.payload_json);
    assert_eq!((dead_letter.error.as_str(), dead_letter.attempts), ("a bug that is fixed", 3));
    assert_eq!((whole.subject.as_str(), whole.version), (PriceDeleted::SUBJECT, 1));
    assert!(whole.headers.iter().any(|header| header.name == "ce-id" && header.value == ids[1]));
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_are_refused() {
    let mesh = mesh().await;
    let mut operations = mesh.operations();
    let refused = async |change: &dyn Fn(&mut ListDeadLettersRequest)| {
        let mut request = ListDeadLettersRequest { service: "search".into(), ..Default::default() };
        change(&mut request);
        reason(&mesh.operations().list_dead_letters(request).await.unwrap_err())
    };
    assert_eq!(refused(&|request| request.service = "unknown".into()).await, "SERVICE_UNKNOWN");
    assert_eq!(refused(&|request| request.filter = reversed_range()).await, "TIME_RANGE_INVALID");
    assert_eq!(refused(&|request| request.page_token = "x".into()).await, "PAGE_TOKEN_INVALID");
    let anywhere = |request: &mut ListDeadLettersRequest| {
        let filter = DeadLetterFilter { consumer: "search-from-*".into(), ..Default::default() };
        request.filter = Some(filter);
    };
    assert_eq!(refused(&anywhere).await, "INVALID_FIELD");
    let unknown = GetDeadLetterRequest {
        service: "search".into(),
        consumer: CONSUMER.into(),
        event_id: Uuid::now_v7().to_string(),
    };
    let refused = operations.get_dead_letter(unknown).await.unwrap_err();
    assert_eq!(reason(&refused), "DEAD_LETTER_NOT_FOUND");
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_started_once_and_reports_the_outcome_of_each_dead_letter() {
    let mesh = mesh().await;
    // Bytes that search cannot decode, delivered twice like all events of a test.
    let garbled = Uuid::now_v7();
    publish(&mesh, PriceDeleted::SUBJECT, headers(garbled, "garbled"), vec![0xff; 9]).await;
    let good = deleted(Uuid::now_v7());
    dead_letter(&mesh, &good, "INTERNAL").await;
    eventually("search has dead-lettered it", async || {
        let found = list(&mesh, ListDeadLettersRequest::default()).await.letters;
        (found.len() == 2).then_some(())
    })
    .await;
    let found =
        list(&mesh, ListDeadLettersRequest { filter: with_key("garbled"), ..Default::default() })
            .await;
    let explained = &found.letters[0];
    assert_eq!(explained.reason, "UNDECODABLE");
    assert!(explained.error.contains("cannot be decoded"), "{}", explained.error);

    let mut request = ReplayDeadLettersRequest {
        service: "search".into(),
        per_second: 1_000,
        dry_run: true,
        ..Default::default()
    };
    let dry = mesh.operations().replay_dead_letters(request.clone()).await.unwrap().into_inner();
    assert_eq!((dry.matching, dry.more, dry.operation), (2, false, None));
    request.dry_run = false;
    request.request_id = Uuid::now_v7().to_string();
    let first = mesh.operations().replay_dead_letters(request.clone()).await.unwrap().into_inner();
    let again = mesh.operations().replay_dead_letters(request.clone()).await.unwrap().into_inner();
    assert_eq!(first, again, "the same request is the same operation");
    let done = ended(&mesh, first.operation.unwrap()).await;
    let report = ReplayReport::decode(done.result.unwrap().value.as_slice()).unwrap();
    assert_eq!((report.applied + report.kept, report.failed), (1, 1), "{report:?}");
    assert_eq!(report.failures[0].event_id, garbled.to_string());
    let left = list(&mesh, ListDeadLettersRequest::default()).await.letters;
    assert_eq!(
        left.iter().map(|dead_letter| dead_letter.key.as_str()).collect::<Vec<_>>(),
        ["garbled"]
    );

    request.per_second = 7;
    let refused = mesh.operations().replay_dead_letters(request.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");
    request.service = "unknown".into();
    let refused = mesh.operations().replay_dead_letters(request.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "SERVICE_UNKNOWN");
    // A service without consumers has nothing to replay.
    (request.service, request.request_id) = ("pricing".into(), String::new());
    let none = mesh.operations().replay_dead_letters(request).await.unwrap().into_inner();
    ended(&mesh, none.operation.unwrap()).await;
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_discarded_by_filter() {
    let mesh = mesh().await;
    let events: Vec<PriceDeleted> = (0..3).map(|_| deleted(Uuid::now_v7())).collect();
    for event in &events {
        dead_letter(&mesh, event, "INTERNAL").await;
    }
    let discard = async |request: DiscardDeadLettersRequest| {
        let request = DiscardDeadLettersRequest { service: "search".into(), ..request };
        mesh.operations().discard_dead_letters(request).await.map(tonic::Response::into_inner)
    };
    let refused = discard(DiscardDeadLettersRequest::default()).await.unwrap_err();
    assert_eq!(reason(&refused), "FILTER_EMPTY");
    let one = DiscardDeadLettersRequest { filter: with_key(events[1].key()), ..Default::default() };
    let dry = discard(DiscardDeadLettersRequest { dry_run: true, ..one.clone() }).await.unwrap();
    assert_eq!((dry.discarded, mesh.dead_letters().await), (1, 3));
    let done = discard(one.clone()).await.unwrap();
    assert_eq!((done.discarded, done.next_page_token.as_str()), (1, ""));
    assert_eq!(mesh.dead_letters().await, 2);
    assert_eq!(discard(one).await.unwrap().discarded, 0, "it is discarded already");
    let all = discard(DiscardDeadLettersRequest { all: true, ..Default::default() }).await.unwrap();
    assert_eq!((all.discarded, mesh.dead_letters().await), (2, 0));
    mesh.finish().await;
}
