use crate::shop::{Shop, added, event, record, types};
use analytics::repair::repair;
use analytics_api::v1::{EventType, RecordEventsRequest, RepairDayRequest, RepairReport};
use chrono::{Days, Utc};
use contracts::operations::v1::{GetOperationRequest, Operation, OperationState};
use prost::Message;
use testkit::{Mesh, eventually, reason};

async fn end(mesh: &Mesh, operation: Operation) -> Operation {
    eventually("the operation ends", async || {
        let request = GetOperationRequest { name: operation.name.clone() };
        let now = mesh.operations().get_operation(request).await.unwrap().into_inner().operation;
        now.filter(|now| now.state() != OperationState::Running)
    })
    .await
}

async fn ended(mesh: &Mesh, operation: Operation) -> RepairReport {
    let done = end(mesh, operation).await;
    assert_eq!(done.state(), OperationState::Succeeded, "{}", done.message);
    RepairReport::decode(done.result.unwrap().value.as_slice()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_that_differ_are_named_and_corrected() {
    let mesh = Mesh::boot(&[analytics::ROLE]).await;
    let mut events: Vec<_> = types().map(event).collect();
    let at = events[0].occurred_at;
    events.iter_mut().for_each(|own| own.occurred_at = at);
    mesh.analytics().record_events(RecordEventsRequest { events }).await.unwrap();
    added(&mesh).await;
    let day = chrono::DateTime::from_timestamp(at.unwrap().seconds, 0).unwrap().date_naive();
    let sum = "select sum(events + units + amount_minor)::bigint as count from counters";
    let right = mesh.count("analytics", sum).await;
    let start = async |validate_only| {
        let request =
            RepairDayRequest { day: day.to_string(), validate_only, ..Default::default() };
        let started = mesh.analytics().repair_day(request).await.unwrap().into_inner();
        ended(&mesh, started.operation.unwrap()).await
    };
    let clean = start(false).await;
    assert_eq!((clean.events, clean.different, clean.repaired), (16, 0, true));

    for statement in [
        "update counters set amount_minor = 7 where dimension = 'all' and grain = 'day' and event_type = 'purchase'",
        "delete from counters where dimension = 'session' and event_type = 'any'",
        "update counters set events = events + 1 where dimension = 'product' and grain = 'day' and event_type = 'any'
           and value = (select min(value) from counters where dimension = 'product')",
        "insert into counters select 'page', 'hour', date_trunc('hour', bucket), '/made-up', event_type, '', 9, 0, 0
         from counters where dimension = 'all' and grain = 'day' and event_type = 'page_viewed'",
    ] {
        mesh.sql("analytics", statement).await;
    }
    let wrong = mesh.count("analytics", sum).await;
    let found = start(true).await;
    assert_eq!((found.different, found.repaired), (4, false));
    assert_eq!(mesh.count("analytics", sum).await, wrong, "only compared");
    let names = found.differences.join("\n");
    for part in [
        "all/day/",
        "/purchase/USD",
        "session/day/",
        "//any/",
        "product/day/",
        "page/hour/",
        "/made-up/page_viewed/",
    ] {
        assert!(names.contains(part), "{part} in {names}");
    }
    assert_eq!(start(false).await.different, 4);
    assert_eq!(mesh.count("analytics", sum).await, right);
    assert_eq!(start(true).await.different, 0);

    // A counter that no rule of this release knows.
    mesh.sql(
        "analytics",
        "update counters set event_type = 'unheard_of' where event_type = 'page_exit'",
    )
    .await;
    let request = RepairDayRequest { day: day.to_string(), ..Default::default() };
    let started = mesh.analytics().repair_day(request).await.unwrap().into_inner();
    let failed = end(&mesh, started.operation.unwrap()).await;
    assert_eq!(failed.state(), OperationState::Failed);

    let old = Utc::now().date_naive().checked_sub_days(Days::new(91)).unwrap().to_string();
    let refused = RepairDayRequest { day: old, ..Default::default() };
    let refused = mesh.analytics().repair_day(refused).await.unwrap_err();
    assert_eq!(reason(&refused), "DAY_NOT_KEPT");
    mesh.finish().await;
}

/// Repairs run while events come; nothing is lost and nothing counts twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counting_goes_on_during_repairs() {
    let shop = Shop::open().await;
    shop.record(&[event(EventType::PageViewed)]).await.unwrap();
    shop.sql("update counters set events = events + 5").await;
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let app = shop.replica();
            tokio::spawn(async move {
                for _ in 0..20 {
                    let events = vec![event(EventType::PageViewed); 5];
                    record(&app, &events).await.unwrap();
                }
            })
        })
        .collect();
    let repairers: Vec<_> = (0..2)
        .map(|_| {
            let app = shop.replica();
            tokio::spawn(async move {
                for _ in 0..5 {
                    let horizon = app.horizon().await.unwrap();
                    let (app, day) = (&app, horizon.now.date_naive());
                    app.db
                        .write("test", async move |tx| {
                            repair(app, tx, day, horizon, false).await.map(|_| ())
                        })
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    // What was counted is added meanwhile.
    for task in writers.into_iter().chain(repairers) {
        shop.add().await;
        task.await.unwrap();
    }
    shop.add().await;
    let sum = |grain: &str| {
        format!(
            "select sum(events)::bigint as count from counters where dimension = 'all' and grain = '{grain}'"
        )
    };
    for grain in ["minute", "hour", "day"] {
        assert_eq!(shop.count(&sum(grain)).await, 81, "{grain}");
    }
    shop.close().await;
}
