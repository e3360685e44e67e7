//! Requests as types that name their RPC: each RPC has a request message of its own.

use prost::Message;

/// The request of an RPC.
pub trait Rpc: Message + Default {
    /// What it is answered with.
    type Response: Message + Default;
    /// Path on the wire, e.g. `/souk.pricing.v1.PricingService/SetPrice`.
    const PATH: &'static str;
    /// Name in metrics, settings, stored answers and page tokens, e.g. `pricing.set_price`.
    const METHOD: &'static str;
}

/// A request that changes something and carries a `request_id` (AIP-155): repeating it has no second effect.
pub trait Mutation: Rpc {
    /// The caller's id of this attempt and all its retries; empty where the caller does not want the guarantee.
    fn request_id(&self) -> &str;
}

/// A request for a page of a list (AIP-158).
pub trait PageRequest: Rpc {
    /// Rows that the caller wants; 0 leaves it to the server, as where the request has no such field.
    fn page_size(&self) -> i32;
    /// Where the page begins; empty for the first one.
    fn page_token(&self) -> &str;
    /// The same request without size and token: what a token is bound to.
    #[must_use]
    fn query(&self) -> Self;
}
