//! What a call propagates: correlation, trace, user.

use crate::fixture::{Fixture, get_price_request, reported};

#[tokio::test]
async fn the_correlation_id_is_returned_and_reaches_the_handler() {
    let fixture = Fixture::start().await;
    let mut request = fixture.signed(get_price_request("CONTEXT"));
    request.metadata_mut().insert("x-correlation-id", "order-17".parse().unwrap());
    let answer = fixture.client().get_price(request).await.unwrap();
    assert_eq!(reported(answer.metadata(), "correlation"), "order-17");
    assert_eq!(reported(answer.metadata(), "x-correlation-id"), "order-17");

    let mut request = fixture.signed(get_price_request("CONTEXT"));
    request.metadata_mut().insert("correlation-id", "order-18".parse().unwrap());
    let answer = fixture.client().get_price(request).await.unwrap();
    assert_eq!(reported(answer.metadata(), "x-correlation-id"), "order-18");

    // One is generated if none was sent or it is invalid; refusals carry it too.
    for id in [None, Some("two words"), Some("")] {
        let mut request = fixture.signed(get_price_request("CONTEXT"));
        if let Some(id) = id {
            request.metadata_mut().insert("x-correlation-id", id.parse().unwrap());
        }
        let answer = fixture.client().get_price(request).await.unwrap();
        let made = reported(answer.metadata(), "correlation");
        assert_eq!(made.len(), 36, "{made}");
        assert_eq!(reported(answer.metadata(), "x-correlation-id"), made);
    }
    let status = fixture.client().get_price(get_price_request("CONTEXT")).await.unwrap_err();
    assert_eq!(reported(status.metadata(), "x-correlation-id").len(), 36);
    fixture.end().await;
}

#[tokio::test]
async fn an_inner_call_propagates_ids_and_the_user() {
    let fixture = Fixture::start().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let mut request = fixture.signed(get_price_request("INNER"));
    let metadata = request.metadata_mut();
    metadata.insert("x-correlation-id", "order-17".parse().unwrap());
    metadata.insert("traceparent", format!("00-{trace}-b7ad6b7169203331-00").parse().unwrap());
    let answer = fixture.client().get_price(request).await.unwrap();
    assert_eq!(reported(answer.metadata(), "correlation"), "order-17");
    assert_eq!(
        reported(answer.metadata(), "subject"),
        "ann",
        "the user, not the service in between"
    );
    let inner = reported(answer.metadata(), "trace");
    assert!(inner.contains(trace) && !inner.contains("b7ad6b7169203331"), "{inner}");
    fixture.end().await;
}

#[tokio::test]
async fn calls_are_measured_by_method_and_code() {
    let fixture = Fixture::start().await;
    fixture.get("INNER").await.unwrap();
    let _ = fixture.raw("/made.Up/Path", &[], Vec::new()).await;
    let (status, metrics) = fixture.page("/metrics").await;
    assert_eq!(status, 200);
    let method = "method=\"souk.pricing.v1.PricingService/GetPrice\",code=\"OK\"";
    for side in ["server", "client"] {
        let bucket = format!("rpc_{side}_call_duration_seconds_bucket{{{method},le=\"0.1\"}}");
        assert!(metrics.contains(&bucket), "{metrics}");
    }
    assert!(
        metrics.contains("method=\"_OTHER\",code=\"UNIMPLEMENTED\"")
            && !metrics.contains("made.Up")
    );
    fixture.end().await;
}
