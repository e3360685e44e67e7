//! Events in protobuf's JSON, for people who look at them.

use prost_reflect::{DescriptorPool, DynamicMessage};
use std::sync::LazyLock;

static CONTRACT: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(contracts::descriptors()).ok());

/// The event of a subject; empty where the contract has none, or the bytes are not it.
pub(super) fn of_event(subject: &str, payload: &[u8]) -> String {
    let read = || {
        let event = contracts::event(subject)?;
        let message = CONTRACT.as_ref()?.get_message_by_name(event.message)?;
        let message = DynamicMessage::decode(message, payload).ok()?;
        serde_json::to_string(&message).ok()
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Event;
    use pricing_api::v1::PriceDeleted;
    use prost::Message;

    #[test]
    fn an_event_is_shown_and_what_is_none_is_not() {
        let event = PriceDeleted { price_id: "p".into(), version: 7, ..PriceDeleted::default() };
        let shown = of_event(PriceDeleted::SUBJECT, &event.encode_to_vec());
        assert_eq!(shown, r#"{"priceId":"p","version":"7"}"#);
        assert_eq!(of_event(PriceDeleted::SUBJECT, &[0xff]), "");
        assert_eq!(of_event("pricing.price.unheard", b""), "");
    }
}
