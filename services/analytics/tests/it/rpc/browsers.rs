use crate::shop::{event, types};
use analytics_api::v1::analytics_service_client::AnalyticsServiceClient;
use analytics_api::v1::event_result::Outcome;
use analytics_api::v1::{RecordBrowserEventsRequest, RecordEventsRequest};
use mesh::config::{Auth, Server};
use secrecy::ExposeSecret;
use std::time::Duration;
use testkit::{Caller, Mesh, reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_tells_of_pages_and_products_and_of_nothing_else() {
    let mesh = Mesh::boot(&[analytics::ROLE]).await;
    let auth = Auth {
        signing_key_file: Some(mesh.keys().join("signing.pem")),
        jwks_file: Some(mesh.keys().join("jwks.json")),
        ..Auth::default()
    };
    let signer = mesh::identity::Signer::open(&auth, &Server::default()).unwrap().unwrap();
    let scopes = ["analytics:intake"];
    let token = signer.mint("browser", &scopes, Duration::from_secs(60)).unwrap();
    let caller = Caller::new(mesh.channel(), Some(token.expose_secret()));
    let mut browser = AnalyticsServiceClient::new(caller);

    let events: Vec<_> = types().map(event).collect();
    let request = RecordBrowserEventsRequest { events: events.clone() };
    let answer = browser.record_browser_events(request).await.unwrap().into_inner();
    let accepted: Vec<&str> = events
        .iter()
        .zip(&answer.results)
        .filter(|(_, result)| result.outcome() == Outcome::Accepted)
        .map(|(event, _)| event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_"))
        .collect();
    assert_eq!(
        accepted,
        ["PRODUCT_VIEWED", "PRODUCT_SHARED", "PAGE_VIEWED", "PAGE_EXIT", "PAGE_SCROLL"]
    );
    assert_eq!((answer.accepted, answer.refused), (5, 11));
    assert_eq!(answer.results[0].reason, "NOT_FOR_BROWSERS");
    assert!(answer.results[0].fields.contains(&"events[0].event_type".to_owned()));

    assert_eq!(mesh.count("analytics", "select count(*) from refused_events").await, 10);

    let foreign = browser.record_events(RecordEventsRequest { events }).await.unwrap_err();
    assert_eq!(reason(&foreign), "SCOPE_MISSING");
    let empty = browser.record_browser_events(RecordBrowserEventsRequest::default()).await;
    assert_eq!(reason(&empty.unwrap_err()), "INVALID_FIELD");
    mesh.finish().await;
}
