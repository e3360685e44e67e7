//! Every refused call has a code and a reason.

use crate::fixture::{Fixture, GET, get_price_request, refused, signed};
use fault::Common;
use http::HeaderMap;
use pricing_api::v1::{BatchGetPricesRequest, Item, Reason, SetPriceRequest};
use prost::Message;
use tonic::{Code, Status};

fn status(headers: &HeaderMap) -> Status {
    Status::from_header_map(headers).unwrap()
}

fn framed(flag: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[flag], length.as_slice(), bytes].concat()
}

#[tokio::test]
async fn an_invalid_field_is_named() {
    let fixture = Fixture::start().await;
    let status = fixture.get("").await.unwrap_err();
    let fault = refused(&status, Code::InvalidArgument, Common::InvalidField);
    assert_eq!(fault.violations()[0].field, "item.sku");
    fixture.end().await;
}

#[tokio::test]
async fn an_oversized_message_is_refused_with_a_reason() {
    let fixture = Fixture::with(|config| config.server.max_message_bytes = 64 * 1024).await;
    let items = vec![Item { name: get_price_request(&"x".repeat(60)).item.unwrap().name }; 8_000];
    let request = BatchGetPricesRequest { items, context: None };
    let status = fixture.client().batch_get_prices(fixture.signed(request)).await.unwrap_err();
    refused(&status, Code::InvalidArgument, Common::MessageTooLarge);

    // Small on the wire and large in memory.
    let mut compressing = fixture.client().send_compressed(tonic::codec::CompressionEncoding::Gzip);
    let items = vec![Item { name: get_price_request(&"x".repeat(60)).item.unwrap().name }; 8_000];
    let request = BatchGetPricesRequest { items, context: None };
    let status = compressing.batch_get_prices(fixture.signed(request)).await.unwrap_err();
    refused(&status, Code::InvalidArgument, Common::MessageTooLarge);
    fixture.end().await;
}

#[tokio::test]
async fn bytes_that_are_no_message_are_undecodable() {
    let fixture = Fixture::start().await;
    let valid = get_price_request("A-1").encode_to_vec();
    let cut_off = framed(0, &valid)[..valid.len()].to_vec();
    let broken = [framed(0, &[0xff; 9]), framed(9, &valid), cut_off, Vec::new()];
    for body in broken {
        let headers = fixture.raw(GET, &[], body.clone()).await;
        refused(&status(&headers), Code::InvalidArgument, Common::Undecodable);
    }
    let gzip = [("grpc-encoding", "gzip")];
    let headers = fixture.raw(GET, &gzip, framed(1, b"not gzip")).await;
    refused(&status(&headers), Code::InvalidArgument, Common::Undecodable);
    fixture.end().await;
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut writer, bytes).unwrap();
    writer.finish().unwrap()
}

#[tokio::test]
async fn what_follows_the_only_message_or_its_compressed_bytes_is_refused() {
    let fixture = Fixture::start().await;
    let valid = get_price_request("A-1").encode_to_vec();
    let refuses = async |headers: &[(&str, &str)], body: Vec<u8>| {
        let headers = fixture.raw(GET, headers, body).await;
        refused(&status(&headers), Code::InvalidArgument, Common::Undecodable);
    };
    let gzip = [("grpc-encoding", "gzip")];
    refuses(&[], [framed(0, &valid), framed(0, &valid)].concat()).await;
    refuses(&[], [framed(0, &valid), vec![0, 0]].concat()).await;
    refuses(&gzip, [framed(1, &gzipped(&valid)), framed(0, &[])].concat()).await;
    let member = gzipped(&valid);
    refuses(&gzip, framed(1, &[member.as_slice(), b"junk"].concat())).await;
    refuses(&gzip, framed(1, &[member.clone(), member.clone()].concat())).await;

    for (headers, body) in
        [(&[][..], framed(0, &valid)), (&gzip, framed(1, &member)), (&gzip, framed(0, &valid))]
    {
        assert_eq!(status(&fixture.raw(GET, headers, body).await).code(), Code::Ok);
    }
    fixture.end().await;
}

#[tokio::test]
async fn what_is_not_grpc_is_an_unsupported_media_type() {
    let fixture = Fixture::start().await;
    let body = framed(0, &get_price_request("A-1").encode_to_vec());
    for kind in ["application/json", "text/html", "application/grpc-web"] {
        let calls = [(GET, &[("content-type", kind)][..], body.clone())];
        let (status, headers) = fixture.answers(&calls).await.remove(0);
        assert_eq!(status, http::StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(!headers.contains_key("grpc-status"));
    }
    fixture.end().await;
}

#[tokio::test]
async fn a_token_that_is_too_long_ends_its_call_and_not_the_connection() {
    let fixture = Fixture::start().await;
    let body = framed(0, &get_price_request("A-1").encode_to_vec());
    let long = format!("Bearer {}", "x".repeat(100 * 1024));
    let headers = [("authorization", long.as_str())];
    let calls = [(GET, &headers[..], body.clone()), (GET, &[][..], body)];
    let answers = fixture.answers(&calls).await;
    refused(&status(&answers[0].1), Code::Unauthenticated, Common::TokenInvalid);
    assert_eq!(status(&answers[1].1).code(), Code::Ok);
    fixture.end().await;
}

#[tokio::test]
async fn an_unsupported_compression_is_named() {
    let fixture = Fixture::start().await;
    let valid = get_price_request("A-1").encode_to_vec();
    for (headers, flag) in [(vec![("grpc-encoding", "snappy")], 1), (vec![], 1)] {
        let headers = fixture.raw(GET, &headers, framed(flag, &valid)).await;
        refused(&status(&headers), Code::InvalidArgument, Common::UnsupportedCompression);
    }
    fixture.end().await;
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented_with_a_reason() {
    let fixture = Fixture::start().await;
    for path in
        ["/souk.pricing.v1.PricingService/Nope", "/souk.catalog.v1.CatalogService/GetProduct", "/"]
    {
        let headers = fixture.raw(path, &[], framed(0, &[])).await;
        refused(&status(&headers), Code::Unimplemented, Common::MethodUnknown);
    }
    fixture.end().await;
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let fixture = Fixture::start().await;
    let price = pricing_api::v1::PriceDraft {
        item: get_price_request("A-1").item,
        base: Some(contracts::types::v1::Money {
            currency_code: "USD".into(),
            minor_units: Some(1),
        }),
        ..Default::default()
    };
    let request = SetPriceRequest { price: Some(price), ..Default::default() };
    let status = fixture.client().set_price(fixture.signed(request.clone())).await.unwrap_err();
    let fault = refused(&status, Code::PermissionDenied, Common::ScopeMissing);
    assert_eq!(fault.metadata()["scope"], "pricing:write");

    let token = fixture.token(&["pricing:read", "pricing:write"]);
    fixture.client().set_price(signed(request, &token)).await.unwrap();
    fixture.end().await;
}

#[tokio::test]
async fn a_panic_is_answered_as_internal_and_the_service_keeps_serving() {
    let fixture = Fixture::start().await;
    for _ in 0..3 {
        let status = fixture.get("PANIC").await.unwrap_err();
        let fault = refused(&status, Code::Internal, Common::Internal);
        assert!(!fault.message().contains("shelf"), "the cause is for the log only");
    }
    fixture.get("A-1").await.unwrap();
    let status = fixture.get("BARE").await.unwrap_err();
    refused(&status, Code::Internal, Common::Internal);
    fixture.end().await;
}

#[tokio::test]
async fn calls_above_the_limit_are_shed_and_health_still_answers() {
    let fixture = Fixture::with(|config| {
        config.server.max_concurrent_calls = 2;
        config.server.caller_share_percent = 100;
    })
    .await;
    let held = [fixture.get("GATED"), fixture.get("GATED")];
    let held = futures::future::join_all(held);
    let shed = async {
        loop {
            // Until the other two calls have arrived, this one is accepted.
            match fixture.get("A-1").await {
                Err(status) => return status,
                Ok(_) => tokio::task::yield_now().await,
            }
        }
    };
    let others = async {
        let fault = refused(&shed.await, Code::ResourceExhausted, Common::Overloaded);
        assert!(fault.pause().is_some());
        let mut health = tonic_health::pb::health_client::HealthClient::new(fixture.channel());
        health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
        fixture.gate.add_permits(2);
    };
    let (held, ()) = tokio::join!(held, others);
    assert!(held.iter().all(Result::is_ok));
    fixture.get("A-1").await.unwrap();
    fixture.end().await;
}

#[tokio::test]
async fn a_cancelled_call_is_not_reported_as_a_bug() {
    let fixture = Fixture::start().await;
    let stream = tokio::net::TcpStream::connect(fixture.running.grpc()).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::post(format!("http://mesh{GET}"))
        .header("content-type", "application/grpc")
        .header("authorization", format!("Bearer {}", fixture.token(&["pricing:read"])));
    let mut sender = sender.ready().await.unwrap();
    let (_, mut bytes) = sender.send_request(request.body(()).unwrap(), false).unwrap();
    bytes.send_data(vec![0, 0, 0].into(), false).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    bytes.send_reset(h2::Reason::CANCEL);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    connection.abort();
    fixture.end().await;
}

#[tokio::test]
async fn of_another_services_refusal_only_what_is_true_for_the_caller_is_passed_on() {
    let fixture = Fixture::start().await;
    let status = fixture.get("INNER-MISSING").await.unwrap_err();
    refused(&status, Code::NotFound, Reason::PriceNotFound);
    let status = fixture.get("INNER-BUSY").await.unwrap_err();
    refused(&status, Code::Unavailable, Common::DependencyUnavailable);
    for sku in ["INNER-INVALID", "INNER-STRANGER"] {
        let status = fixture.get(sku).await.unwrap_err();
        let fault = refused(&status, Code::Internal, Common::Internal);
        assert!(fault.violations().is_empty() && !status.message().contains("token"), "{fault:?}");
    }
    fixture.end().await;
}
