use crate::shop::{Shop, ago, event};
use analytics::jobs::keep_days::keep;
use analytics_api::v1::EventType;
use chrono::TimeDelta;

const PARTS: &str = "select count(*) from pg_inherits where inhparent = 'events'::regclass";

#[tokio::test]
async fn days_are_made_ahead_and_dropped_with_everything_of_them() {
    let mut shop = Shop::open().await;
    keep(&shop.app).await.unwrap();
    assert_eq!(shop.count(PARTS).await, 4, "today and three days");

    let old = ago(EventType::Purchase, TimeDelta::days(60));
    let events = [old.clone(), event(EventType::PageViewed)];
    assert_eq!(shop.record(&events).await.unwrap().accepted, 2);
    shop.sql("update counters set bucket = bucket - interval '5 days' where grain = 'minute'")
        .await;
    assert_eq!(shop.count(PARTS).await, 5);

    keep(&shop.app).await.unwrap();
    let minutes = "select count(*) from counters where grain = 'minute'";
    assert_eq!((shop.count(PARTS).await, shop.count(minutes).await), (5, 0));

    // Fewer days are kept from now on.
    shop.app.kept_days = 30;
    keep(&shop.app).await.unwrap();
    assert_eq!(shop.count(PARTS).await, 4);
    assert_eq!(shop.count("select count(*) from event_ids").await, 1);
    assert_eq!(shop.count("select count(*) from sessions").await, 1);
    let of_old = |grain: &str| {
        format!(
            "select count(*) from counters where grain = '{grain}' and bucket < now() - interval '40 days'"
        )
    };
    assert_eq!(shop.count(&of_old("hour")).await, 0);
    assert!(shop.count(&of_old("day")).await > 0, "days stay");
    let again = shop.record(&[old]).await.unwrap();
    assert_eq!(again.results[0].reason, "EVENT_TOO_OLD", "what was forgotten is not counted again");
    shop.close().await;
}
