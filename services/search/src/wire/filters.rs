//! What a search filters by.

use crate::domain::shared::Shared;
use crate::engine::document::{AttributeKind, AttributeValue};
use crate::engine::query::{AttributeCondition, AttributeFilter, Filters, PriceRange};
use chrono::NaiveDate;
use convert::Fields;
use fault::{Common, Fault};
use search_api::v1::attribute_term::Value as Term;
use search_api::v1::{self as proto, Reason};
use uuid::Uuid;

/// What results must have.
pub fn filters(fields: &mut Fields, sent: &proto::Filters, shared: &Shared) -> Option<Filters> {
    let price = match &sent.price {
        Some(range) => fields.within("price", |fields| price_range(fields, range)).map(Some),
        None => Some(None),
    };
    let attributes = fields.each("attributes", &sent.attributes, |fields, filter| {
        attribute_filter(fields, filter, shared)
    });
    Some(Filters {
        category_ids: uuids(&sent.category_ids),
        brand_ids: uuids(&sent.brand_ids),
        price: price?,
        attributes: attributes?,
        in_stock: sent.in_stock,
    })
}

/// The contract has checked that they are UUIDs.
fn uuids(texts: &[String]) -> Vec<Uuid> {
    texts.iter().filter_map(|text| Uuid::parse_str(text).ok()).collect()
}

/// A range of amounts in the currency of the search.
pub fn price_range(fields: &mut Fields, range: &proto::PriceRange) -> Option<PriceRange> {
    let (min, max) = (range.min_minor_units, range.max_minor_units);
    in_order(fields, Some(min), max)?;
    Some(PriceRange { min_minor: (min > 0).then_some(min), max_minor: max })
}

fn attribute_filter(
    fields: &mut Fields,
    sent: &proto::AttributeFilter,
    shared: &Shared,
) -> Option<AttributeFilter> {
    let condition = condition(fields, sent)?;
    let filter = AttributeFilter { code: sent.code.clone(), condition };
    let kind = filter.kind()?;
    if shared.may_filter(&filter.code, kind) {
        return Some(filter);
    }
    let code = &filter.code;
    let kinds = AttributeKind::ALL.into_iter().filter(|kind| shared.may_filter(code, *kind));
    let kinds: Vec<&str> = kinds.map(plural).collect();
    if kinds.is_empty() {
        return fields.take(Err(not_searchable(code, "", "filter by it")));
    }
    let message = format!(
        "the attribute {code} is filtered by {}, not {}",
        kinds.join(" and "),
        plural(kind)
    );
    let fault = Fault::field(Reason::AttributeNotSearchable, "", message).with("code", code);
    fields.take(Err(fault))
}

/// The refusal of an attribute that no definition gives to search for this.
pub fn not_searchable(code: &str, path: &str, what: &str) -> Fault {
    let message =
        format!("the attribute {code} of this kind is not defined so that search may {what}");
    Fault::field(Reason::AttributeNotSearchable, path, message).with("code", code)
}

fn plural(kind: AttributeKind) -> &'static str {
    match kind {
        AttributeKind::Text => "texts",
        AttributeKind::Number => "numbers",
        AttributeKind::Bool => "yes or no",
        AttributeKind::Date => "days",
        AttributeKind::Money => "amounts",
    }
}

fn condition(fields: &mut Fields, sent: &proto::AttributeFilter) -> Option<AttributeCondition> {
    let (numbers, days, amounts) = (&sent.range, &sent.date_range, &sent.money_range);
    let ways = [!sent.values.is_empty(), numbers.is_some(), days.is_some(), amounts.is_some()];
    match ways.into_iter().filter(|way| *way).count() {
        0 => return fields.refuse(Reason::FilterInvalid, "", "needs values or a range"),
        1 => {}
        _ => {
            let message = "has values and a range, or several ranges; give one of them";
            return fields.refuse(Reason::FilterInvalid, "", message);
        }
    }
    if let Some(range) = numbers {
        return fields.within("range", |fields| number_range(fields, range));
    }
    if let Some(range) = days {
        return fields.within("date_range", |fields| date_range(fields, range));
    }
    if let Some(range) = amounts {
        return fields.within("money_range", |fields| money_range(fields, range));
    }
    let values: Vec<AttributeValue> = fields.each("values", &sent.values, term_value)?;
    if values.windows(2).any(|pair| pair[0].kind() != pair[1].kind()) {
        return fields.refuse(Reason::FilterInvalid, "", "has values of several kinds");
    }
    Some(AttributeCondition::AnyOf(values))
}

fn number_range(fields: &mut Fields, range: &proto::NumberRange) -> Option<AttributeCondition> {
    let (min, max) = in_order(fields, range.min, range.max)?;
    Some(AttributeCondition::NumberBetween { min, max })
}

fn date_range(fields: &mut Fields, range: &proto::DateRange) -> Option<AttributeCondition> {
    let mut bound = |path, text: &str| match text {
        "" => Some(None),
        text => day(fields, path, text).map(Some),
    };
    let (from, until) = (bound("from", &range.from), bound("until", &range.until));
    let (min, max) = in_order(fields, from?, until?)?;
    Some(AttributeCondition::DateBetween { min, max })
}

fn money_range(fields: &mut Fields, range: &proto::MoneyRange) -> Option<AttributeCondition> {
    let currency = fields.currency("currency_code", &range.currency_code);
    let (min, max) = in_order(fields, range.min_minor_units, range.max_minor_units)?;
    Some(AttributeCondition::MoneyBetween { currency: currency?, min, max })
}

/// The bounds, unless nothing lies between them.
fn in_order<T: PartialOrd>(
    fields: &mut Fields,
    min: Option<T>,
    max: Option<T>,
) -> Option<(Option<T>, Option<T>)> {
    if min.as_ref().zip(max.as_ref()).is_some_and(|(min, max)| max < min) {
        return fields.refuse(Reason::FilterInvalid, "", "begins above its end");
    }
    Some((min, max))
}

fn day(fields: &mut Fields, path: &str, text: &str) -> Option<NaiveDate> {
    match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(day) => Some(day),
        Err(_) => fields.refuse(Reason::FilterInvalid, path, "is no day of the calendar"),
    }
}

fn term_value(fields: &mut Fields, term: &proto::AttributeTerm) -> Option<AttributeValue> {
    match &term.value {
        Some(Term::Text(text)) => Some(AttributeValue::Text(text.clone())),
        Some(Term::Number(number)) => Some(AttributeValue::Number(*number)),
        Some(Term::Boolean(yes)) => Some(AttributeValue::Bool(*yes)),
        Some(Term::Date(text)) => day(fields, "", text).map(AttributeValue::Date),
        None => fields.refuse(Common::InvalidField, "", "needs a value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog_api::v1::{AttributeDraft, AttributeType};
    use convert::read;

    /// With a number, a day and an amount that may be filtered by.
    fn shared() -> Shared {
        let mut shared = Shared::default();
        let defined = [
            ("watts", AttributeType::Number),
            ("released", AttributeType::Date),
            ("deposit", AttributeType::Money),
        ];
        for (code, of_type) in defined {
            shared.allow(AttributeDraft {
                code: code.into(),
                r#type: of_type.into(),
                filterable: true,
                ..Default::default()
            });
        }
        shared
    }

    fn days(from: &str, until: &str) -> proto::AttributeFilter {
        let date_range = Some(proto::DateRange { from: from.into(), until: until.into() });
        proto::AttributeFilter { code: "released".into(), date_range, ..Default::default() }
    }

    fn amounts(code: &str, min: i64, max: i64) -> proto::AttributeFilter {
        let money_range = Some(proto::MoneyRange {
            currency_code: code.into(),
            min_minor_units: Some(min),
            max_minor_units: Some(max),
        });
        proto::AttributeFilter { code: "deposit".into(), money_range, ..Default::default() }
    }

    fn asked(filter: proto::AttributeFilter) -> Result<AttributeCondition, Fault> {
        read(|fields| attribute_filter(fields, &filter, &shared())).map(|filter| filter.condition)
    }

    #[test]
    fn bounds_are_read_as_they_were_sent() {
        let day = NaiveDate::from_ymd_opt(2026, 2, 28);
        assert_eq!(
            asked(days("2026-02-28", "2026-02-28")).unwrap(),
            AttributeCondition::DateBetween { min: day, max: day }
        );
        assert_eq!(
            asked(days("", "2026-02-28")).unwrap(),
            AttributeCondition::DateBetween { min: None, max: day }
        );
        let currency = kernel::currency::Currency::parse("JPY").unwrap();
        assert_eq!(
            asked(amounts("JPY", -5, -5)).unwrap(),
            AttributeCondition::MoneyBetween { currency, min: Some(-5), max: Some(-5) }
        );
    }

    #[test]
    fn a_range_that_is_wrong_is_refused_at_its_field() {
        let cases = [
            (days("2026-02-30", ""), "date_range.from", "no day"),
            (days("2026-03-02", "2026-03-01"), "date_range", "above its end"),
            (amounts("USD", 2, 1), "money_range", "above its end"),
            (amounts("XXQ", 1, 2), "money_range.currency_code", ""),
            (
                proto::AttributeFilter { code: "watts".into(), ..days("2026-03-02", "") },
                "",
                "watts is filtered by numbers, not days",
            ),
            (
                proto::AttributeFilter { code: "released".into(), ..amounts("USD", 1, 2) },
                "",
                "released is filtered by days, not amounts",
            ),
            (
                proto::AttributeFilter {
                    money_range: amounts("USD", 1, 2).money_range,
                    ..days("", "")
                },
                "",
                "several ranges",
            ),
        ];
        for (filter, field, message) in cases {
            let fault = asked(filter.clone()).unwrap_err();
            let wrong = &fault.violations()[0];
            assert_eq!(wrong.field, field, "{filter:?}");
            assert!(wrong.message.contains(message), "{}", wrong.message);
        }
    }
}
