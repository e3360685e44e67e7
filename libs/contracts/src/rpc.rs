//! Traits of request messages. Each RPC has its own request message, so the type identifies the RPC.

use prost::Message;

/// The request of an RPC.
pub trait Rpc: Message + Default {
    /// The response message.
    type Response: Message + Default;
    /// Path on the wire, e.g. `/souk.pricing.v1.PricingService/SetPrice`.
    const PATH: &'static str;
    /// Name in metrics, settings, stored responses and page tokens, e.g. `pricing.set_price`.
    const METHOD: &'static str;
}

/// A request that changes something and carries a `request_id` (AIP-155): repeating it has no second effect.
pub trait Mutation: Rpc {
    /// Idempotency key: the same for all retries of one call; empty for no idempotency.
    fn request_id(&self) -> &str;
    /// The request with its idempotency key spelled like this.
    #[must_use]
    fn with_request_id(&self, request_id: String) -> Self;
}

/// A request for a page of a list (AIP-158).
pub trait PageRequest: Rpc {
    /// Requested number of rows; 0 if the request does not set it or has no such field.
    fn page_size(&self) -> i32;
    /// Token of the page; empty for the first one.
    fn page_token(&self) -> &str;
    /// The request without page size and token; a page token is only valid for an equal one.
    #[must_use]
    fn query(&self) -> Self;
    /// The request for the page of this token.
    #[must_use]
    fn with_page_token(&self, page_token: String) -> Self;
    /// Token of the page after this one; empty where there is none.
    fn next_page_token(page: &Self::Response) -> &str;
}
