//! Money as people write it: `"amount": "19.99"` beside `minorUnits`, without ever being a float.

use crate::names;
use kernel::currency::Currency;
use prost_reflect::{Kind, MessageDescriptor};
use serde_json::{Map, Value};

const MONEY: &str = "souk.type.v1.Money";
/// Beside the fields of the message.
const AMOUNT: &str = "amount";

/// Writes the amount of each money in a message.
pub(crate) fn write(json: &mut Value, descriptor: &MessageDescriptor) {
    each(json, descriptor, &mut |money| {
        let currency = text(money, &["currencyCode"]).and_then(|code| Currency::parse(&code).ok());
        let minor = text(money, &["minorUnits"]).and_then(|minor| minor.parse::<i64>().ok());
        if let Some((currency, minor)) = currency.zip(minor) {
            money.insert(AMOUNT.to_owned(), decimal(minor, currency.minor_digits()).into());
        }
        Ok(())
    })
    .unwrap_or_default();
}

/// Reads amounts that a request gives instead of minor units, or beside them. An error says what is wrong.
pub(crate) fn read(json: &mut Value, descriptor: &MessageDescriptor) -> Result<(), String> {
    each(json, descriptor, &mut |money| {
        let Some(amount) = money.remove(AMOUNT) else { return Ok(()) };
        let Value::String(amount) = amount else {
            return Err(format!("{AMOUNT}: write it as a text, e.g. \"19.99\""));
        };
        let code = text(money, &["currencyCode", "currency_code"]).unwrap_or_default();
        let currency = Currency::parse(&code)
            .map_err(|_| format!("{AMOUNT}: {amount} needs a currencyCode that exists"))?;
        let digits = currency.minor_digits();
        let minor = minor(&amount, digits).ok_or_else(|| {
            format!(
                "{AMOUNT}: {amount:?} is no amount of {code}, which has {digits} decimal digits"
            )
        })?;
        match text(money, &["minorUnits", "minor_units"]) {
            Some(given) if given != minor.to_string() => {
                Err(format!("{AMOUNT}: {amount} is not the minorUnits {given}"))
            }
            Some(_) => Ok(()),
            None => {
                money.insert("minorUnits".to_owned(), minor.to_string().into());
                Ok(())
            }
        }
    })
}

/// Calls `act` for each money, wherever it is.
fn each(
    json: &mut Value,
    descriptor: &MessageDescriptor,
    act: &mut impl FnMut(&mut Map<String, Value>) -> Result<(), String>,
) -> Result<(), String> {
    match json {
        Value::Array(items) => items.iter_mut().try_for_each(|item| each(item, descriptor, act)),
        Value::Object(object) if descriptor.full_name() == MONEY => act(object),
        Value::Object(object) if names::is_plain(descriptor) => {
            for (name, value) in object.iter_mut() {
                let Some(field) = names::field(descriptor, name) else { continue };
                let Kind::Message(own) = field.kind() else { continue };
                if !field.is_map() {
                    each(value, &own, act)?;
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn text(object: &Map<String, Value>, names: &[&str]) -> Option<String> {
    match names.iter().find_map(|name| object.get(*name))? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `1999` with two digits is `19.99`.
fn decimal(minor: i64, digits: u8) -> String {
    let digits = usize::from(digits);
    let all = format!("{:0>width$}", minor.unsigned_abs(), width = digits + 1);
    let (whole, rest) = all.split_at(all.len() - digits);
    let sign = if minor < 0 { "-" } else { "" };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

/// The other way round; none where there are other characters or too many digits.
fn minor(amount: &str, digits: u8) -> Option<i64> {
    let (sign, plain) = amount.strip_prefix('-').map_or(("", amount), |rest| ("-", rest));
    let (whole, rest) = plain.split_once('.').unwrap_or((plain, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let ends_well = !plain.ends_with('.') && rest.len() <= usize::from(digits);
    if whole.is_empty() || !is_number(whole) || !is_number(rest) || !ends_well {
        return None;
    }
    format!("{sign}{whole}{rest:0<width$}", width = usize::from(digits)).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pricing_api as _;
    use prost_reflect::DescriptorPool;
    use serde_json::json;

    #[test]
    fn amounts_are_exact_both_ways() {
        for (units, digits, text) in [
            (1999, 2, "19.99"),
            (5, 2, "0.05"),
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (1999, 0, "1999"),
            (1, 3, "0.001"),
            (i64::MAX, 2, "92233720368547758.07"),
            (i64::MIN, 2, "-92233720368547758.08"),
        ] {
            assert_eq!(decimal(units, digits), text);
            assert_eq!(minor(text, digits), Some(units));
        }
        assert_eq!((minor("19", 2), minor("19.9", 2)), (Some(1900), Some(1990)));
        for text in ["", "-", ".5", "1.", "1.999", "1e3", "1,5", " 1", "92233720368547758.08", "+1"]
        {
            assert_eq!(minor(text, 2), None, "{text}");
        }
    }

    fn draft() -> MessageDescriptor {
        let pool = DescriptorPool::decode(contracts::descriptors()).unwrap();
        pool.get_message_by_name("souk.pricing.v1.BulkSetPricesRequest").unwrap()
    }

    #[test]
    fn it_is_found_wherever_it_is() {
        let mut json =
            json!({ "prices": [{ "base": { "currencyCode": "USD", "minorUnits": "5" } }] });
        write(&mut json, &draft());
        assert_eq!(json["prices"][0]["base"]["amount"], "0.05");
        read(&mut json, &draft()).unwrap();
        assert_eq!(json["prices"][0]["base"], json!({ "currencyCode": "USD", "minorUnits": "5" }));

        let of = |money: Value| json!({ "prices": [{ "base": money }] });
        let mut short = of(json!({ "currency_code": "JPY", "amount": "7" }));
        read(&mut short, &draft()).unwrap();
        assert_eq!(short["prices"][0]["base"]["minorUnits"], "7");
        for (wrong, why) in [
            (json!({ "currencyCode": "JPY", "amount": "7.5" }), "0 decimal digits"),
            (json!({ "currencyCode": "USD", "amount": 7.5 }), "as a text"),
            (json!({ "currencyCode": "XXX", "amount": "7" }), "currencyCode"),
            (json!({ "currencyCode": "USD", "amount": "7", "minorUnits": "7" }), "is not"),
        ] {
            let error = read(&mut of(wrong), &draft()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
