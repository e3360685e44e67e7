//! What goes along with a call.

use crate::world::{World, ask, told};

#[tokio::test]
async fn the_correlation_id_comes_back_and_reaches_the_handler() {
    let world = World::start().await;
    let mut request = world.signed(ask("WHO"));
    request.metadata_mut().insert("x-correlation-id", "order-17".parse().unwrap());
    let answer = world.client().get_price(request).await.unwrap();
    assert_eq!(told(answer.metadata(), "correlation"), "order-17");
    assert_eq!(told(answer.metadata(), "x-correlation-id"), "order-17");

    // One is made where none came, or where it is no id; refusals carry it too.
    for id in [None, Some("two words"), Some("")] {
        let mut request = world.signed(ask("WHO"));
        if let Some(id) = id {
            request.metadata_mut().insert("x-correlation-id", id.parse().unwrap());
        }
        let answer = world.client().get_price(request).await.unwrap();
        let made = told(answer.metadata(), "correlation");
        assert_eq!(made.len(), 36, "{made}");
        assert_eq!(told(answer.metadata(), "x-correlation-id"), made);
    }
    let status = world.client().get_price(ask("WHO")).await.unwrap_err();
    assert_eq!(told(status.metadata(), "x-correlation-id").len(), 36);
    world.end().await;
}

#[tokio::test]
async fn an_inner_call_carries_ids_and_the_user_on() {
    let world = World::start().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let mut request = world.signed(ask("INNER"));
    let metadata = request.metadata_mut();
    metadata.insert("x-correlation-id", "order-17".parse().unwrap());
    metadata.insert("traceparent", format!("00-{trace}-b7ad6b7169203331-00").parse().unwrap());
    let answer = world.client().get_price(request).await.unwrap();
    assert_eq!(told(answer.metadata(), "correlation"), "order-17");
    assert_eq!(told(answer.metadata(), "subject"), "ann", "the user, not the service between");
    let inner = told(answer.metadata(), "trace");
    assert!(inner.contains(trace) && !inner.contains("b7ad6b7169203331"), "{inner}");
    world.end().await;
}

#[tokio::test]
async fn calls_are_measured_by_method_and_code() {
    let world = World::start().await;
    world.get("INNER").await.unwrap();
    let _ = world.raw("/made.Up/Path", &[], Vec::new()).await;
    let (status, metrics) = world.page("/metrics").await;
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
    world.end().await;
}
