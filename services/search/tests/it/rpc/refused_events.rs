//! RPCs for events that the broker refuses.

use crate::shop::{ALL, create, in_usd, titled, until, variant};
use contracts::operations::v1::{
    ListRefusedEventsRequest, ListRefusedEventsResponse, RefusedEventFilter,
    RetryRefusedEventsRequest, RetryRefusedEventsResponse,
};
use testkit::{Mesh, eventually, reason};

/// Sets the largest message size of catalog's stream directly at the broker; returns the previous value.
async fn limit(mesh: &Mesh, bytes: i32) -> i32 {
    let js = mesh.jetstream();
    let stream = eventually("catalog has its stream", async || js.get_stream("CATALOG").await.ok());
    let mut config = stream.await.cached_info().config.clone();
    let before = std::mem::replace(&mut config.max_message_size, bytes);
    js.update_stream(config).await.unwrap();
    before
}

async fn list(mesh: &Mesh, request: ListRefusedEventsRequest) -> ListRefusedEventsResponse {
    let request = ListRefusedEventsRequest { service: "catalog".into(), ..request };
    mesh.operations().list_refused_events(request).await.unwrap().into_inner()
}

async fn retry(mesh: &Mesh, request: RetryRefusedEventsRequest) -> RetryRefusedEventsResponse {
    let request = RetryRefusedEventsRequest { service: "catalog".into(), ..request };
    mesh.operations().retry_refused_events(request).await.unwrap().into_inner()
}

fn with_key(key: &str) -> Option<RefusedEventFilter> {
    Some(RefusedEventFilter { key: key.to_owned(), ..Default::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_events_are_listed_and_retried_by_filter() {
    let mesh = Mesh::boot(&ALL).await;
    create(&mesh, titled("Bowl"), vec![variant("BOWL-1", "", "")]).await;
    mesh.settle().await;
    let usual = limit(&mesh, 200).await;
    let (cup, variants) = create(&mesh, titled("Cup"), vec![variant("CUP-1", "", "")]).await;
    create(&mesh, titled("Plate"), vec![variant("PLATE-1", "", "")]).await;
    let all = ListRefusedEventsRequest::default();
    eventually("the broker refuses four", async || {
        (list(&mesh, all.clone()).await.events.len() == 4).then_some(())
    })
    .await;

    let first = list(&mesh, ListRefusedEventsRequest { page_size: 3, ..all.clone() }).await;
    let token = first.next_page_token.clone();
    let rest = ListRefusedEventsRequest { page_token: token.clone(), ..all.clone() };
    let rest = list(&mesh, rest).await;
    assert_eq!((first.events.len(), rest.events.len()), (3, 1));
    assert_eq!(rest.next_page_token, "");
    let event = &first.events[0];
    assert_eq!(event.subject, "catalog.product.created");
    assert_eq!((&event.key, event.version), (&cup.product_id, 1));
    assert!(event.error.contains("maximum") && event.payload_bytes > 0, "{event:?}");
    assert!(event.attempts >= 1 && event.create_time.is_some() && event.retry_time.is_some());
    let of_variant = ListRefusedEventsRequest { filter: with_key(&variants[0].variant_id), ..all };
    let of_variant = list(&mesh, of_variant).await;
    assert_eq!(of_variant.events.len(), 1);
    assert_eq!(of_variant.events[0].subject, "catalog.variant.created");

    let dry = RetryRefusedEventsRequest { dry_run: true, ..Default::default() };
    assert_eq!(retry(&mesh, dry).await.events, 4);
    limit(&mesh, usual).await;
    let by_id = RefusedEventFilter { event_id: event.event_id.clone(), ..Default::default() };
    let by_id = RetryRefusedEventsRequest { filter: Some(by_id), ..Default::default() };
    assert!(retry(&mesh, by_id).await.events <= 1, "the relay may have been first");
    retry(&mesh, RetryRefusedEventsRequest::default()).await;
    mesh.settle().await;
    until(&mesh, "the cup is found", in_usd("cup"), |answer| answer.total == 1).await;
    assert!(list(&mesh, ListRefusedEventsRequest::default()).await.events.is_empty());
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_are_refused() {
    let mesh = Mesh::boot(&ALL).await;
    let filter = |id: &str| Some(RefusedEventFilter { event_id: id.into(), ..Default::default() });
    for (service, token, filter, expected) in [
        ("unknown", "", None, "SERVICE_UNKNOWN"),
        ("catalog", "x", None, "PAGE_TOKEN_INVALID"),
        ("catalog", "", filter("x"), "INVALID_FIELD"),
    ] {
        let list = ListRefusedEventsRequest {
            service: service.into(),
            filter: filter.clone(),
            page_token: token.into(),
            ..Default::default()
        };
        let listed = mesh.operations().list_refused_events(list).await;
        assert_eq!(reason(&listed.unwrap_err()), expected);
        let retry = RetryRefusedEventsRequest {
            service: service.into(),
            filter,
            page_token: token.into(),
            dry_run: false,
        };
        let retried = mesh.operations().retry_refused_events(retry).await;
        assert_eq!(reason(&retried.unwrap_err()), expected);
    }
    mesh.finish().await;
}
