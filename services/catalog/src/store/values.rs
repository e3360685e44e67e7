//! Values of attributes, of products and variants.

use super::unreadable;
use crate::domain::attribute::Attribute;
use crate::domain::free::Free;
use crate::domain::kind::Kind;
use crate::domain::value::{Held, Value, Values};
use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{Array, Bool, Date, Double, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::currency::Currency;
use kernel::head::Change;
use kernel::id::Id;
use kernel::money::Money;
use pg::{Columns, Tx, statement};
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// Reads the values of each row of `owner` as arrays beside it, so that an aggregate is read by one statement and is never half
/// old and half new.
pub(super) const JOIN: &str = "left join lateral (
   select array_agg(v.attribute_id) as value_ids, array_agg(a.code) as value_codes,
          array_agg(a.kind) as value_kinds, array_agg(a.variant_defining) as value_defining,
          array_agg(v.text_value) as value_texts, array_agg(v.number_value) as value_numbers,
          array_agg(v.bool_value) as value_bools, array_agg(v.date_value) as value_dates,
          array_agg(v.json_value) as value_jsons
   from product_attribute_values v join attributes a on a.id = v.attribute_id
   where v.owner_id = owner.id) held on true";

/// The columns that [`JOIN`] adds.
#[derive(QueryableByName)]
#[diesel(check_for_backend(Pg))]
pub struct Row {
    #[diesel(sql_type = Nullable<Array<SqlUuid>>)]
    value_ids: Option<Vec<Id<Attribute>>>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    value_codes: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    value_kinds: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Array<Bool>>)]
    value_defining: Option<Vec<bool>>,
    #[diesel(sql_type = Nullable<Array<Nullable<Text>>>)]
    value_texts: Option<Vec<Option<String>>>,
    #[diesel(sql_type = Nullable<Array<Nullable<Double>>>)]
    value_numbers: Option<Vec<Option<f64>>>,
    #[diesel(sql_type = Nullable<Array<Nullable<Bool>>>)]
    value_bools: Option<Vec<Option<bool>>>,
    #[diesel(sql_type = Nullable<Array<Nullable<Date>>>)]
    value_dates: Option<Vec<Option<NaiveDate>>>,
    #[diesel(sql_type = Nullable<Array<Nullable<Jsonb>>>)]
    value_jsons: Option<Vec<Option<Json>>>,
}

impl Row {
    pub(super) fn values(self) -> Result<Values, Fault> {
        let columns = self.value_ids.unwrap_or_default().into_iter();
        let mut codes = self.value_codes.into_iter().flatten();
        let mut kinds = self.value_kinds.into_iter().flatten();
        let mut defining = self.value_defining.into_iter().flatten();
        let mut texts = self.value_texts.into_iter().flatten();
        let mut numbers = self.value_numbers.into_iter().flatten();
        let mut bools = self.value_bools.into_iter().flatten();
        let mut dates = self.value_dates.into_iter().flatten();
        let mut jsons = self.value_jsons.into_iter().flatten();
        let held = columns.map(|attribute_id| {
            let kind = kinds.next().as_deref().and_then(Kind::of);
            let text = texts.next().flatten();
            let number = numbers.next().flatten();
            let flag = bools.next().flatten();
            let day = dates.next().flatten();
            let json = jsons.next().flatten();
            let value = match kind {
                Some(Kind::Text) => text.map(Value::Text),
                Some(Kind::Number) => number.map(Value::Number),
                Some(Kind::Bool) => flag.map(Value::Bool),
                Some(Kind::Date) => day.map(Value::Date),
                Some(kind) => json.and_then(|json| from_json(kind, json)),
                None => None,
            };
            Ok(Held {
                attribute_id,
                code: codes.next().unwrap_or_default(),
                defining: defining.next().unwrap_or_default(),
                value: value.ok_or_else(|| unreadable("a value of attribute", attribute_id))?,
            })
        });
        Ok(Values::new(held.collect::<Result<_, Fault>>()?))
    }
}

fn from_json(kind: Kind, json: Json) -> Option<Value> {
    match (kind, json) {
        (Kind::Json, Json::Object(own)) => Some(Value::Json(Free(own))),
        (Kind::Texts, json) => serde_json::from_value(json).ok().map(Value::Texts),
        (Kind::Localized, json) => serde_json::from_value(json).ok().map(Value::Localized),
        (Kind::Money, json) => {
            let currency = Currency::parse(json.get("currency_code")?.as_str()?).ok()?;
            Some(Value::Money(Money::new(json.get("minor_units")?.as_i64()?, currency)))
        }
        _ => None,
    }
}

fn to_json(value: &Value) -> Option<Json> {
    match value {
        Value::Texts(texts) => Some(json!(texts)),
        Value::Localized(entries) => Some(json!(entries)),
        Value::Json(own) => Some(Json::Object(own.0.clone())),
        Value::Money(money) => {
            Some(json!({ "currency_code": money.currency.code(), "minor_units": money.minor }))
        }
        _ => None,
    }
}

/// What has values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner {
    Product,
    Variant,
}

/// Writes the values of owners whose values changed.
pub(super) async fn save<'v>(
    tx: &mut Tx,
    owner: Owner,
    changes: impl IntoIterator<Item = (Uuid, &'v Values, &'v Change)>,
) -> Result<(), Fault> {
    let (mut old, mut rows) = (Vec::new(), Vec::new());
    for (id, values, change) in changes {
        if !change.touches("tier2_attributes") {
            continue;
        }
        if *change != Change::Created {
            old.push(id);
        }
        if *change != Change::Deleted {
            rows.extend(values.iter().map(|held| (id, held)));
        }
    }
    if !old.is_empty() {
        statement("delete from product_attribute_values where owner_id = any($1)")
            .bind::<Array<SqlUuid>, _>(old)
            .execute(tx.conn())
            .await?;
    }
    insert(tx, owner, &rows).await
}

async fn insert(tx: &mut Tx, owner: Owner, rows: &[(Uuid, &Held)]) -> Result<(), Fault> {
    let owner = match owner {
        Owner::Product => "product",
        Owner::Variant => "variant",
    };
    Columns::of("product_attribute_values", "owner_id", rows)
        .column::<Text, _>("owner_type", |_| owner)
        .column::<SqlUuid, _>("owner_id", |(owner, _)| *owner)
        .column::<SqlUuid, _>("attribute_id", |(_, held)| held.attribute_id)
        .column::<Nullable<Text>, _>("text_value", |(_, held)| match &held.value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .column::<Nullable<Double>, _>("number_value", |(_, held)| match held.value {
            Value::Number(number) => Some(number),
            _ => None,
        })
        .column::<Nullable<Bool>, _>("bool_value", |(_, held)| match held.value {
            Value::Bool(flag) => Some(flag),
            _ => None,
        })
        .column::<Nullable<Date>, _>("date_value", |(_, held)| match held.value {
            Value::Date(day) => Some(day),
            _ => None,
        })
        .column::<Nullable<Jsonb>, _>("json_value", |(_, held)| to_json(&held.value))
        .insert(tx)
        .await?;
    Ok(())
}
