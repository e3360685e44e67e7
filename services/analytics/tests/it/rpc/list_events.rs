use crate::shop::{event, item, types, usd};
use analytics_api::v1::{
    EventProperty, EventType, ListEventsRequest, OrderStatus, RecordEventsRequest, TrackedEvent,
};
use chrono::{Days, Utc};
use testkit::{Mesh, reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_listed_as_it_was_sent_page_by_page() {
    let mesh = Mesh::boot(&[analytics::ROLE]).await;
    let mut events: Vec<TrackedEvent> = types().map(event).collect();
    let mut order = event(EventType::Purchase);
    order.items = vec![item("A", 1, 2, usd(500)), item("B", 2, 1, None)];
    order.set_order_status(OrderStatus::Confirmed);
    order.search_term = "lamp".into();
    order.sku = "A".into();
    let property = |name: &str| EventProperty { name: name.into(), value: "é \"1\"".into() };
    order.properties = vec![property("a"), property("b")];
    events.push(order);
    // They all happened on one day, whenever this runs.
    let at = events[0].occurred_at;
    events.iter_mut().for_each(|own| own.occurred_at = at);
    let request = RecordEventsRequest { events: events.clone() };
    assert_eq!(mesh.analytics().record_events(request).await.unwrap().into_inner().accepted, 17);

    let day = chrono::DateTime::from_timestamp(at.unwrap().seconds, 0).unwrap().date_naive();
    let mut request =
        ListEventsRequest { page_size: 5, day: day.to_string(), ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = mesh.analytics().list_events(request.clone()).await.unwrap().into_inner();
        seen.extend(page.events.into_iter().map(|own| own.event.unwrap()));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    events.sort_by(|one, two| one.event_id.cmp(&two.event_id));
    assert_eq!(seen, events);

    let old = Utc::now().date_naive().checked_sub_days(Days::new(91)).unwrap();
    for (day, wanted) in [
        (old.to_string(), "DAY_NOT_KEPT"),
        ("2026-02-30".to_owned(), "INVALID_FIELD"),
        ("yesterday".to_owned(), "INVALID_FIELD"),
    ] {
        let request = ListEventsRequest { day, ..Default::default() };
        let refused = mesh.analytics().list_events(request).await.unwrap_err();
        assert_eq!(reason(&refused), wanted);
    }
    mesh.finish().await;
}
