use crate::shop::{added, at, item, money, product, usd};
use analytics_api::v1::list_trending_request::{Order, Subject};
use analytics_api::v1::{
    Compared, EventType, GetCustomerReportRequest, GetFunnelRequest, GetOverviewRequest,
    GetProductReportRequest, GetSalesRequest, ListTrendingRequest, Period, RecordEventsRequest,
    TrackedEvent,
};
use chrono::{DateTime, Days, TimeDelta, Utc};
use convert::timestamp;
use testkit::{Mesh, reason};

/// Midnight, so many days ago.
fn midnight(days: u64) -> DateTime<Utc> {
    let today = Utc::now().date_naive().checked_sub_days(Days::new(days)).unwrap();
    analytics::domain::counting::start(today)
}

/// From so many days ago until so many days ago.
fn days(from: u64, until: u64) -> Option<Period> {
    let at = |days| Some(timestamp(midnight(days)));
    Some(Period { from: at(from), until: at(until) })
}

fn figures(current: i64, previous: i64) -> Option<Compared> {
    Some(analytics::domain::figures::compared(current, previous))
}

/// Two days: on the earlier one a visit that ends with a purchase, on the later one three that come to different steps.
fn story() -> Vec<TrackedEvent> {
    use EventType as T;
    let mut events = Vec::new();
    let mut tell = |days: u64, visit: &str, event_type, change: &dyn Fn(&mut TrackedEvent)| {
        let mut own = at(event_type, midnight(days) + TimeDelta::hours(9));
        own.session_id = visit.to_owned();
        change(&mut own);
        events.push(own);
    };
    let buy = |minor, quantity| {
        move |own: &mut TrackedEvent| {
            own.total = usd(minor);
            own.items = vec![item("A", 1, quantity, usd(minor))];
        }
    };
    tell(2, "early", T::PageViewed, &|_| ());
    tell(2, "early", T::ProductViewed, &|own| own.search_term = "lamp".into());
    tell(2, "early", T::ProductAddedToCart, &|_| ());
    tell(2, "early", T::OrderCreated, &buy(500, 1));
    tell(2, "early", T::Purchase, &buy(500, 1));

    tell(1, "one", T::PageViewed, &|_| ());
    tell(1, "one", T::PageViewed, &|own| own.page_path = "/".into());
    tell(1, "one", T::ProductViewed, &|own| own.search_term = "lamp".into());
    tell(1, "one", T::ProductViewed, &|own| own.search_term = "cup".into());
    tell(1, "one", T::ProductAddedToCart, &|_| ());
    tell(1, "one", T::OrderCreated, &buy(1_001, 2));
    tell(1, "one", T::Purchase, &buy(1_001, 2));
    tell(1, "one", T::Purchase, &buy(1_000, 1));
    tell(1, "two", T::PageViewed, &|_| ());
    tell(1, "two", T::ProductViewed, &|own| own.product_id = product(2));
    tell(1, "three", T::PageViewed, &|_| ());
    tell(1, "three", T::CustomerRegistered, &|own| own.customer_id = "new".into());
    tell(1, "three", T::Purchase, &|own| own.total = money("JPY", 70));
    events
}

async fn told() -> Mesh {
    let mesh = Mesh::boot(&[analytics::ROLE]).await;
    let request = RecordEventsRequest { events: story() };
    let answer = mesh.analytics().record_events(request).await.unwrap().into_inner();
    assert_eq!(answer.refused, 0, "{:?}", answer.results);
    added(&mesh).await;
    mesh
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_a_period_stand_beside_those_of_the_time_before() {
    let mesh = told().await;
    let request = GetOverviewRequest { period: days(1, 0) };
    let overview = mesh.analytics().get_overview(request).await.unwrap().into_inner();
    let of = |event_type: EventType| {
        let found = overview.types.iter().find(|own| own.event_type() == event_type);
        found.and_then(|own| own.events)
    };
    assert_eq!(of(EventType::PageViewed), figures(4, 1));
    assert_eq!(of(EventType::Purchase), figures(3, 1));
    assert_eq!(of(EventType::CustomerLogin), None);
    assert_eq!((overview.sessions, overview.active_customers), (figures(3, 1), figures(2, 1)));
    assert_eq!(overview.series.iter().map(|own| own.events).collect::<Vec<_>>(), [13]);
    let amounts: Vec<_> = overview
        .purchased
        .iter()
        .map(|own| (own.currency_code.as_str(), own.minor_units))
        .collect();
    assert_eq!(amounts, [("JPY", figures(70, 0)), ("USD", figures(2_001, 500))]);

    let request = GetSalesRequest { period: days(1, 0), currency_code: "USD".into() };
    let sales = mesh.analytics().get_sales(request).await.unwrap().into_inner();
    assert_eq!(sales.sales.len(), 1);
    let usd = &sales.sales[0];
    assert_eq!((usd.orders, usd.ordered_minor), (figures(1, 1), figures(1_001, 500)));
    assert_eq!((usd.purchases, usd.purchased_minor), (figures(2, 1), figures(2_001, 500)));
    assert_eq!(usd.average_minor, figures(1_000, 500), "half to even");
    assert_eq!(sales.series.len(), 1);
    assert_eq!((sales.series[0].purchases, sales.series[0].purchased_minor), (2, 2_001));

    let request = GetProductReportRequest { period: days(1, 0), product_id: product(1) };
    let report = mesh.analytics().get_product_report(request).await.unwrap().into_inner();
    assert_eq!((report.views, report.added_to_cart), (figures(2, 1), figures(1, 1)));
    assert_eq!((report.orders, report.purchases), (figures(1, 1), figures(2, 1)));
    assert_eq!((report.units_purchased, report.shares), (figures(3, 1), figures(0, 0)));
    assert_eq!(report.purchased[0].minor_units, figures(2_001, 500));

    let request = GetCustomerReportRequest { period: days(2, 0) };
    let report = mesh.analytics().get_customer_report(request).await.unwrap().into_inner();
    assert_eq!((report.registered, report.active), (figures(1, 0), figures(3, 0)));
    assert_eq!(report.series.iter().map(|own| own.events).collect::<Vec<_>>(), [0, 1]);
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_counts_once_for_each_step() {
    let mesh = told().await;
    let request = GetFunnelRequest { period: days(1, 0) };
    let funnel = mesh.analytics().get_funnel(request).await.unwrap().into_inner();
    let steps: Vec<_> =
        funnel.steps.iter().map(|own| (own.sessions, own.of_previous_permyriad)).collect();
    assert_eq!(
        steps,
        [
            (figures(3, 1), None),
            (figures(2, 1), Some(6_667)),
            (figures(1, 1), Some(5_000)),
            (figures(1, 1), Some(10_000)),
            (figures(2, 1), Some(20_000)),
        ]
    );
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_trending_comes_in_its_order_page_by_page() {
    let mesh = told().await;
    let list = async |subject: Subject, order: Order, event_type: EventType| {
        let mut request = ListTrendingRequest {
            period: days(1, 0),
            subject: subject.into(),
            order: order.into(),
            event_type: event_type.into(),
            page_size: 1,
            ..Default::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = mesh.analytics().list_trending(request.clone()).await.unwrap().into_inner();
            let entries = page.entries.into_iter();
            seen.extend(entries.map(|own| (own.value, own.events.unwrap().current)));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return seen;
            }
        }
    };
    let owned = |wanted: &[(&str, i64)]| -> Vec<(String, i64)> {
        wanted.iter().map(|(value, events)| ((*value).to_owned(), *events)).collect()
    };
    let any = EventType::Unspecified;
    let terms = list(Subject::SearchTerm, Order::Events, any).await;
    assert_eq!(terms, owned(&[("cup", 1), ("lamp", 1)]));
    let terms = list(Subject::SearchTerm, Order::Growth, any).await;
    assert_eq!(terms, owned(&[("cup", 1), ("lamp", 1)]));
    let pages = list(Subject::Page, Order::Events, any).await;
    assert_eq!(pages, owned(&[("/lamps", 3), ("/", 1)]));
    let viewed = list(Subject::Product, Order::Events, EventType::ProductViewed).await;
    assert_eq!(viewed, owned(&[(&product(1), 2), (&product(2), 1)]));
    let sold = list(Subject::Product, Order::Units, EventType::Purchase).await;
    assert_eq!(sold, owned(&[(&product(1), 2)]));
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_buckets_cannot_answer_is_refused() {
    let mesh = Mesh::boot(&[analytics::ROLE]).await;
    let analytics = || mesh.analytics();
    let period = days(0, 1);
    let product_id = product(1);
    let all = [
        analytics().get_overview(GetOverviewRequest { period }).await.unwrap_err(),
        analytics().get_sales(GetSalesRequest { period, ..Default::default() }).await.unwrap_err(),
        analytics()
            .get_product_report(GetProductReportRequest { period, product_id })
            .await
            .unwrap_err(),
        analytics().get_customer_report(GetCustomerReportRequest { period }).await.unwrap_err(),
        analytics().get_funnel(GetFunnelRequest { period }).await.unwrap_err(),
        analytics()
            .list_trending(ListTrendingRequest {
                period,
                subject: Subject::Product.into(),
                ..Default::default()
            })
            .await
            .unwrap_err(),
    ];
    for refused in &all {
        assert_eq!(reason(refused), "PERIOD_INVALID");
    }
    let request = GetSalesRequest { period: days(1, 0), currency_code: "XXX".into() };
    assert_eq!(reason(&analytics().get_sales(request).await.unwrap_err()), "UNKNOWN_CURRENCY");
    mesh.finish().await;
}
