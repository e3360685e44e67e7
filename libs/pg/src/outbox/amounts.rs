//! Negative amounts in events. Whoever writes an event has decided before which amounts it may hold; this is the last look before others
//! take it for a fact, at every amount wherever it stands.

use contracts::Fact;
use fault::Fault;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage, Value};
use std::sync::LazyLock;

const MONEY: &str = "souk.type.v1.Money";

/// Full names of the fields whose amounts may be negative, e.g. `souk.ledger.v1.Entry.balance`; none is so far.
const MAY_BE_NEGATIVE: &[&str] = &[];

static CONTRACT: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(contracts::descriptors()).ok());

/// Refuses an event that holds a negative amount, as a bug of its publisher.
pub(super) fn check(fact: &Fact) -> Result<(), Fault> {
    if !may_hold_negative(&fact.payload) {
        return Ok(());
    }
    let broken = |why: String| {
        Fault::internal(format!("{} of {} cannot be published: {why}", fact.message, fact.key))
    };
    let known = CONTRACT.as_ref().and_then(|pool| pool.get_message_by_name(fact.message));
    let message = known.ok_or_else(|| broken("the contract does not have it".to_owned()))?;
    let event = DynamicMessage::decode(message, fact.payload.as_slice())
        .map_err(|error| broken(error.to_string()))?;
    match negative(&event, MAY_BE_NEGATIVE) {
        Some((path, amount)) => Err(broken(format!("{path} is {amount}, a negative amount"))),
        None => Ok(()),
    }
}

/// Whether there may be a negative integer in the bytes: its encoding is nine bytes with the high bit and a 1. Almost no event has them,
/// and reading each one would cost as much as writing it.
fn may_hold_negative(payload: &[u8]) -> bool {
    let mut run = 0;
    payload.iter().any(|byte| {
        let found = run >= 9 && *byte == 1;
        run = if byte & 0x80 != 0 { run + 1 } else { 0 };
        found
    })
}

/// Path and minor units of the first negative amount that stands in none of these fields.
fn negative(message: &DynamicMessage, allowed: &[&str]) -> Option<(String, i64)> {
    message.fields().filter(|(field, _)| !allowed.contains(&field.full_name())).find_map(
        |(field, value)| {
            let (inner, amount) = in_value(value, allowed)?;
            let dot = if inner.is_empty() || inner.starts_with('[') { "" } else { "." };
            Some((format!("{}{dot}{inner}", field.name()), amount))
        },
    )
}

fn in_value(value: &Value, allowed: &[&str]) -> Option<(String, i64)> {
    let at = |index: String, value: &Value| {
        let (inner, amount) = in_value(value, allowed)?;
        let dot = if inner.is_empty() { "" } else { "." };
        Some((format!("[{index}]{dot}{inner}"), amount))
    };
    match value {
        Value::Message(money) if money.descriptor().full_name() == MONEY => {
            let amount = money.get_field_by_name("minor_units")?.as_i64()?;
            (amount < 0).then(|| (String::new(), amount))
        }
        Value::Message(message) => negative(message, allowed),
        Value::List(list) => {
            list.iter().enumerate().find_map(|(index, value)| at(index.to_string(), value))
        }
        Value::Map(map) => map.iter().find_map(|(key, value)| at(format!("{key:?}"), value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Event;
    use contracts::types::v1::Money;
    use pricing_api::v1::{BulkSetPricesRequest, Price, PriceDraft, PriceUpdated};
    use prost::{Message, Name};

    fn amount(minor_units: i64) -> Option<Money> {
        Some(Money { currency_code: "USD".into(), minor_units: Some(minor_units) })
    }

    fn found(message: &impl Name, allowed: &[&str]) -> Option<String> {
        let name = CONTRACT.as_ref().unwrap().get_message_by_name(&message_name(message)).unwrap();
        let message = DynamicMessage::decode(name, message.encode_to_vec().as_slice()).unwrap();
        negative(&message, allowed).map(|(path, amount)| format!("{path} {amount}"))
    }

    fn message_name<N: Name>(_: &N) -> String {
        N::full_name()
    }

    #[test]
    fn only_events_that_may_hold_a_negative_amount_are_read() {
        let may = |minor_units| may_hold_negative(&amount(minor_units).unwrap().encode_to_vec());
        assert!([i64::MIN, -1, -1_000_000_007].into_iter().all(may));
        assert!(![0, 1, i64::MAX, 1 << 62].into_iter().any(may));
    }

    #[test]
    fn every_amount_is_looked_at_wherever_it_stands() {
        let event = |base, sale| {
            let price = Price { base: amount(base), sale, ..Price::default() };
            PriceUpdated { price: Some(price), changed: Vec::new() }
        };
        assert_eq!(found(&event(0, amount(0)), &[]), None);
        assert_eq!(found(&event(1, amount(-2)), &[]), Some("price.sale -2".to_owned()));
        assert_eq!(found(&event(-1, None), &["souk.pricing.v1.Price.base"]), None);
        let rows = [1, -7].map(|base| PriceDraft { base: amount(base), ..PriceDraft::default() });
        let list = BulkSetPricesRequest { prices: rows.to_vec(), ..Default::default() };
        assert_eq!(found(&list, &[]), Some("prices[1].base -7".to_owned()));
        assert_eq!(PriceUpdated::TYPE, PriceUpdated::full_name());
    }
}
