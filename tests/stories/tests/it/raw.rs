//! Calls of any method with bytes instead of messages.

use prost::bytes::{Buf, BufMut, Bytes};
use prost_reflect::{DescriptorPool, MethodDescriptor};
use testkit::Caller;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status};

/// Every method of the contract.
pub fn methods() -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(contracts::descriptors()).unwrap();
    let services = pool.services().filter(|own| own.full_name().starts_with("souk."));
    let methods: Vec<_> = services.flat_map(|own| own.methods().collect::<Vec<_>>()).collect();
    assert!(methods.len() > 40, "{}", methods.len());
    methods
}

/// Path of a method on the wire.
pub fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// Sends bytes as the only message, and takes one as the answer.
pub async fn send(caller: Caller, method: &MethodDescriptor, message: Bytes) -> Result<(), Status> {
    send_for(caller, method, message).await.map(drop)
}

/// The same; returns the bytes of the answer.
pub async fn send_for(
    caller: Caller,
    method: &MethodDescriptor,
    message: Bytes,
) -> Result<Bytes, Status> {
    let path: PathAndQuery = path(method).parse().unwrap();
    let mut client = tonic::client::Grpc::new(caller);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let once = tokio_stream::once(message);
    let answers = client.streaming(Request::new(once), path, Raw).await?;
    let answer = answers.into_inner().message().await?;
    answer.ok_or_else(|| Status::internal("the answer has no message"))
}

/// Messages as their bytes.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
