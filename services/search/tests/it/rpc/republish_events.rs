//! Republishing events that the broker has lost.

use crate::shop::{ALL, create, in_usd, titled, until, variant};
use contracts::operations::v1::{RepublishEventsRequest, RepublishEventsResponse};
use prost_types::Timestamp;
use testkit::{Mesh, reason};

async fn republish(mesh: &Mesh, request: RepublishEventsRequest) -> RepublishEventsResponse {
    let request = RepublishEventsRequest { service: "catalog".into(), ..request };
    mesh.operations().republish_events(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_republished_by_filter_and_have_no_second_effect() {
    let mesh = Mesh::boot(&ALL).await;
    let (product, _) = create(&mesh, titled("Cup"), vec![variant("CUP-1", "", "")]).await;
    create(&mesh, titled("Bowl"), vec![variant("BOWL-1", "", "")]).await;
    mesh.settle().await;
    until(&mesh, "the cup is found", in_usd("cup"), |answer| answer.total == 1).await;
    let handled = "select count(*) from inbox";
    let revision = "select coalesce(max(revision), 0)::bigint as count from documents";
    let before = (mesh.count("search", handled).await, mesh.count("search", revision).await);

    let everything = RepublishEventsRequest::default();
    let dry =
        republish(&mesh, RepublishEventsRequest { dry_run: true, ..everything.clone() }).await;
    assert_eq!((dry.events, dry.next_page_token.as_str()), (4, ""));
    assert!(dry.oldest_time.unwrap().seconds <= dry.newest_time.unwrap().seconds);
    let key = RepublishEventsRequest { key: product.product_id.clone(), ..everything.clone() };
    assert_eq!(republish(&mesh, RepublishEventsRequest { dry_run: true, ..key }).await.events, 1);
    let variants =
        RepublishEventsRequest { subject: "catalog.variant.".into(), ..everything.clone() };
    let variants = republish(&mesh, RepublishEventsRequest { dry_run: true, ..variants }).await;
    assert_eq!(variants.events, 2);

    assert_eq!(republish(&mesh, everything).await.events, 4);
    mesh.settle().await;
    let after = (mesh.count("search", handled).await, mesh.count("search", revision).await);
    assert_eq!(after, before);
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_are_refused() {
    let mesh = Mesh::boot(&ALL).await;
    let refused = async |change: &dyn Fn(&mut RepublishEventsRequest)| {
        let mut request =
            RepublishEventsRequest { service: "catalog".into(), ..Default::default() };
        change(&mut request);
        reason(&mesh.operations().republish_events(request).await.unwrap_err())
    };
    assert_eq!(refused(&|request| request.service = "unknown".into()).await, "SERVICE_UNKNOWN");
    assert_eq!(refused(&|request| request.page_token = "x".into()).await, "PAGE_TOKEN_INVALID");
    let backwards = |request: &mut RepublishEventsRequest| {
        request.from = Some(Timestamp { seconds: 2, nanos: 0 });
        request.to = Some(Timestamp { seconds: 1, nanos: 0 });
    };
    assert_eq!(refused(&backwards).await, "TIME_RANGE_INVALID");
    mesh.finish().await;
}
