/// A request that changes something and carries a `request_id` (AIP-155): repeating it has no second effect.
pub trait Mutation: prost::Message {
    /// The caller's id of this attempt and all its retries; empty where the caller does not want the guarantee.
    fn request_id(&self) -> &str;
}
