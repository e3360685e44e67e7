//! The worst request of each method: everything in it is wrong, and there is as much of it as fits. Its refusal reaches a client with
//! default limits.

use crate::raw::{methods, send};
use prost::bytes::Bytes;
use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use testkit::Mesh;
use tonic_types::StatusExt;

/// Most bytes of the details of a refusal: clients drop trailers of more than 8 KiB.
const MAX_DETAILS: usize = 6 * 1024;

/// Most bytes of a request, below the 4 MiB that services take.
const MAX_REQUEST: usize = 3 * 1024 * 1024;

/// How often a repeated field comes, and how deep messages are nested in each other.
const TIMES: usize = 120;
const DEPTH: usize = 4;

/// These refuse each item of a call by itself, in their answer.
const EACH_BY_ITSELF: [&str; 2] = ["RecordEvents", "RecordBrowserEvents"];

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_refusal_of_each_method_reaches_a_client_with_default_limits() {
    let mesh = Mesh::boot(&[catalog::ROLE, pricing::ROLE, search::ROLE, analytics::ROLE]).await;
    for method in methods().iter().filter(|own| own.input().fields().len() > 0) {
        let name = method.full_name();
        let request = worst(&method.input());
        let answer = send(mesh.caller(), method, request).await;
        if EACH_BY_ITSELF.contains(&method.name()) {
            answer.expect(name);
            continue;
        }
        let status = answer.expect_err(name);
        let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
        assert!(reason.is_some(), "{name} was not refused by the service: {status:?}");
        let bytes = status.details().len() + status.message().len();
        assert!(bytes <= MAX_DETAILS, "{name} is refused with {bytes} bytes");
    }
    mesh.finish().await;
}

/// A message in which every field is wrong, with as many elements as fit.
fn worst(descriptor: &MessageDescriptor) -> Bytes {
    let mut times = TIMES;
    loop {
        let encoded = prost::Message::encode_to_vec(&message(descriptor, times, DEPTH));
        if encoded.len() <= MAX_REQUEST || times == 1 {
            return encoded.into();
        }
        times /= 2;
    }
}

fn message(descriptor: &MessageDescriptor, times: usize, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    // Of the fields of a `oneof` the last one stays.
    for field in descriptor.fields().filter(|field| !field.is_map()) {
        let is_nested = matches!(field.kind(), Kind::Message(_));
        if is_nested && depth == 0 {
            continue;
        }
        let value = match field.cardinality() {
            Cardinality::Repeated => {
                Value::List((0..times).map(|_| value(&field, times.min(8), depth)).collect())
            }
            _ => value(&field, times, depth),
        };
        message.set_field(&field, value);
    }
    message
}

fn value(field: &FieldDescriptor, times: usize, depth: usize) -> Value {
    match field.kind() {
        Kind::String => Value::String("wr\u{f6}ng\u{1}\u{200b} ".repeat(250)),
        Kind::Bytes => Value::Bytes(vec![0xff; 1_000].into()),
        Kind::Bool => Value::Bool(true),
        Kind::Double => Value::F64(f64::NAN),
        Kind::Float => Value::F32(f32::NAN),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(i32::MIN),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(i64::MIN),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(u32::MAX),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(u64::MAX),
        Kind::Enum(_) => Value::EnumNumber(999),
        Kind::Message(own) => Value::Message(message(&own, times.min(8), depth - 1)),
    }
}
