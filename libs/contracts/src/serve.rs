//! Items that the generated macros use to implement a gRPC server with handlers.

use futures_core::Stream;
use std::pin::Pin;

pub use tonic::{Request as Call, Response as Answer, Status as Refusal, Streaming, async_trait};

/// The response stream of a streaming handler.
pub type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Refusal>> + Send>>;

/// A service implementation that can be turned into a server; the generated macros implement it.
pub trait Serve {
    /// The generated server type.
    type Server;

    /// Wraps it in a server that accepts messages of up to this size, compressed or not.
    fn into_server(self, max_message_bytes: usize) -> Self::Server;
}

/// Sets the message size limit and the compression encodings of a generated server.
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
