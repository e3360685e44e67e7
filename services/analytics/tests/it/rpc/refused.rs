use crate::shop::{event, usd};
use analytics_api::v1::{
    EventType, GetFunnelRequest, ListRefusedEventsRequest, Period, RecordEventsRequest,
};
use testkit::{Mesh, reason};

#[tokio::test(flavor = "multi_thread")]
async fn refused_events_are_listed_as_they_were_sent() {
    let mesh = Mesh::boot(&[analytics::ROLE]).await;
    let wrong = |minor| {
        let mut own = event(EventType::Purchase);
        own.total = usd(minor);
        own
    };
    let events = vec![wrong(-1), wrong(-2), wrong(3)];
    let request = RecordEventsRequest { events: events.clone() };
    let answer = mesh.analytics().record_events(request).await.unwrap().into_inner();
    assert_eq!((answer.accepted, answer.refused), (1, 2));

    let mut request = ListRefusedEventsRequest { page_size: 1, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page =
            mesh.analytics().list_refused_events(request.clone()).await.unwrap().into_inner();
        seen.extend(page.events);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    let mut sent: Vec<_> = seen.iter().map(|own| own.event.clone().unwrap().event_id).collect();
    sent.sort();
    assert_eq!(sent, [events[0].event_id.clone(), events[1].event_id.clone()]);
    for own in &seen {
        assert_eq!(
            (own.reason.as_str(), own.times, own.sender.as_str()),
            ("NEGATIVE_TOTAL", 1, "tester")
        );
        assert_eq!(own.fields, ["total.minor_units"]);
    }
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_no_event_explains_are_refused_as_a_whole() {
    let mesh = Mesh::boot(&[analytics::ROLE]).await;
    let empty = mesh.analytics().record_events(RecordEventsRequest::default()).await.unwrap_err();
    assert_eq!(reason(&empty), "INVALID_FIELD");
    let events = vec![event(EventType::PageViewed); 501];
    let many = mesh.analytics().record_events(RecordEventsRequest { events }).await.unwrap_err();
    assert_eq!(reason(&many), "INVALID_FIELD");
    let token = ListRefusedEventsRequest { page_token: "x".into(), ..Default::default() };
    let token = mesh.analytics().list_refused_events(token).await.unwrap_err();
    assert_eq!(reason(&token), "PAGE_TOKEN_INVALID");
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let period = Some(Period { from: at(0), until: at(3_600) });
    let hours = mesh.analytics().get_funnel(GetFunnelRequest { period }).await.unwrap_err();
    assert_eq!(reason(&hours), "PERIOD_INVALID");
    mesh.finish().await;
}
