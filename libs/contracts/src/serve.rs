//! What the generated macros need to implement a gRPC server by handlers.

use futures_core::Stream;
use std::pin::Pin;

pub use tonic::{Request as Call, Response as Answer, Status as Refusal, Streaming, async_trait};

/// The messages that a streaming handler answers with.
pub type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Refusal>> + Send>>;

/// What can be served: the generated macros implement it beside the server's trait.
pub trait Serve {
    /// The generated server around it.
    type Server;

    /// Takes messages of up to so many bytes, compressed or not.
    fn into_server(self, max_message_bytes: usize) -> Self::Server;
}

/// A generated server with the limits and encodings that all have.
#[doc(hidden)]
#[macro_export]
macro_rules! limited {
    ($server:expr, $max_message_bytes:expr) => {
        $server
            .max_decoding_message_size($max_message_bytes)
            .accept_compressed($crate::CompressionEncoding::Gzip)
            .accept_compressed($crate::CompressionEncoding::Zstd)
            .send_compressed($crate::CompressionEncoding::Gzip)
            .send_compressed($crate::CompressionEncoding::Zstd)
    };
}
