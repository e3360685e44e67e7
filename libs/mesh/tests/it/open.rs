//! Endpoints without authentication: health, reflection, the admin port.

use crate::fixture::Fixture;
use std::time::Duration;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

const SERVICE: &str = "souk.pricing.v1.PricingService";

async fn health(fixture: &Fixture, service: &str) -> i32 {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(fixture.channel()).check(request).await.unwrap().get_ref().status
}

#[tokio::test]
async fn health_follows_readiness_and_liveness_does_not() {
    let fixture = Fixture::start().await;
    assert_eq!((health(&fixture, "").await, health(&fixture, SERVICE).await), (1, 1));
    assert_eq!(fixture.page("/health/ready").await.0, 200);

    let taken = fixture.healthy.acquire().await.unwrap();
    while fixture.page("/health/ready").await.0 == 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(fixture.page("/health").await.0, 503);
    assert_eq!(fixture.page("/health/live").await.0, 200);
    let (_, page) = fixture.page("/health/detailed").await;
    for part in ["\"name\":\"pricing\"", "\"name\":\"postgres\"", "\"hard\":true", "no permits"] {
        assert!(page.contains(part), "{page}");
    }
    while health(&fixture, SERVICE).await == 1 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(health(&fixture, "").await, 2);

    drop(taken);
    fixture.running.ready().await;
    while health(&fixture, "").await != 1 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fixture.end().await;
}

#[tokio::test]
async fn both_reflection_versions_show_the_served_services_with_their_options() {
    let fixture = Fixture::start().await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(fixture.channel());
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let stream_of = |request| {
        let request =
            v1::ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        tokio_stream::once(request)
    };
    let list = stream_of(MessageRequest::ListServices(String::new()));
    let answer = client.server_reflection_info(list).await.unwrap().into_inner().message().await;
    let Some(MessageResponse::ListServicesResponse(list)) =
        answer.unwrap().unwrap().message_response
    else {
        panic!("no list");
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&SERVICE) && names.contains(&"grpc.health.v1.Health"), "{names:?}");
    assert!(!names.contains(&"souk.catalog.v1.CatalogService"), "it is not served here");

    let file = stream_of(MessageRequest::FileContainingSymbol(SERVICE.to_owned()));
    let answer = client.server_reflection_info(file).await.unwrap().into_inner().message().await;
    let Some(MessageResponse::FileDescriptorResponse(file)) =
        answer.unwrap().unwrap().message_response
    else {
        panic!("no file");
    };
    let bytes = file.file_descriptor_proto.concat();
    let scope = b"pricing:write";
    assert!(bytes.windows(scope.len()).any(|part| part == scope), "the policies are left out");

    for detail in ["google.rpc.ErrorInfo", "google.rpc.BadRequest"] {
        let file = stream_of(MessageRequest::FileContainingSymbol(detail.to_owned()));
        let answer =
            client.server_reflection_info(file).await.unwrap().into_inner().message().await;
        let answer = answer.unwrap().unwrap().message_response;
        let found = matches!(answer, Some(MessageResponse::FileDescriptorResponse(_)));
        assert!(found, "{detail} is shown as bytes: {answer:?}");
    }

    let mut alpha =
        v1alpha::server_reflection_client::ServerReflectionClient::new(fixture.channel());
    let list = v1alpha::server_reflection_request::MessageRequest::ListServices(String::new());
    let list =
        v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    alpha.server_reflection_info(tokio_stream::once(list)).await.unwrap();
    fixture.end().await;
}
