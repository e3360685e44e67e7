//! Attributes as plain JSON, by their codes.

use catalog_api::v1::AttributeValue;
use catalog_api::v1::attribute_value::Value as Sent;
use kernel::currency::Currency;
use kernel::money::Money;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

/// The values by their codes; of two with one code the last.
pub fn by_code<'v>(values: impl IntoIterator<Item = &'v AttributeValue>) -> Struct {
    let values = values.into_iter();
    let fields = values.filter_map(|own| Some((own.code.clone(), json(own.value.as_ref()?))));
    Struct { fields: fields.collect() }
}

fn json(value: &Sent) -> Value {
    match value {
        Sent::Text(text) | Sent::Date(text) => text_value(text),
        Sent::Number(number) => kind(Kind::NumberValue(*number)),
        Sent::Boolean(flag) => kind(Kind::BoolValue(*flag)),
        Sent::Texts(texts) => {
            let values = texts.values.iter().map(|text| text_value(text)).collect();
            kind(Kind::ListValue(ListValue { values }))
        }
        Sent::Money(money) => {
            let code = &money.currency_code;
            let amount = Currency::parse(code)
                .map(|currency| Money::new(money.minor_units(), currency).decimal());
            object([("amount", amount.unwrap_or_default()), ("currency", code.clone())])
        }
        Sent::Localized(texts) => {
            let entries = texts.entries.iter();
            object(entries.map(|entry| (entry.language.as_str(), entry.text.clone())))
        }
        Sent::Json(own) => kind(Kind::StructValue(own.clone())),
    }
}

fn object<'n>(fields: impl IntoIterator<Item = (&'n str, String)>) -> Value {
    let fields = fields.into_iter().map(|(name, text)| (name.to_owned(), text_value(&text)));
    kind(Kind::StructValue(Struct { fields: fields.collect() }))
}

fn text_value(text: &str) -> Value {
    kind(Kind::StringValue(text.to_owned()))
}

fn kind(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::types::v1::Money as MoneyMessage;

    #[test]
    fn money_stays_exact_and_the_last_value_of_a_code_wins() {
        let value =
            |code: &str, value| AttributeValue { code: code.to_owned(), value: Some(value) };
        let fee =
            MoneyMessage { currency_code: "EUR".to_owned(), minor_units: Some(100_000_000_001) };
        let all = [
            value("fee", Sent::Money(fee)),
            value("colour", Sent::Text("red".to_owned())),
            value("colour", Sent::Text("blue".to_owned())),
        ];
        let by_code = by_code(&all);
        assert_eq!(by_code.fields["colour"], text_value("blue"));
        let fee = [("amount", "1000000000.01".to_owned()), ("currency", "EUR".to_owned())];
        assert_eq!(by_code.fields["fee"], object(fee));
    }
}
