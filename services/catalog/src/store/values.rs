//! Values of attributes, whoever has them.

use super::unreadable;
use crate::domain::attribute::Attribute;
use crate::domain::free::Free;
use crate::domain::value::{Held, Kind, Value, Values};
use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{Array, Bool, Date, Double, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::currency::Currency;
use kernel::id::Id;
use kernel::money::Money;
use pg::{Tx, statement};
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
pub(super) struct Row {
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

/// Removes all values of `owners`.
pub(super) async fn clear(tx: &mut Tx, owners: &[Uuid]) -> Result<(), Fault> {
    if owners.is_empty() {
        return Ok(());
    }
    statement("delete from product_attribute_values where owner_id = any($1)")
        .bind::<Array<SqlUuid>, _>(owners)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Writes the values of owners that have none.
pub(super) async fn insert<'v>(
    tx: &mut Tx,
    owner: Owner,
    all: impl IntoIterator<Item = (Uuid, &'v Values)>,
) -> Result<(), Fault> {
    let mut columns = Columns::default();
    for (owner_id, values) in all {
        values.iter().for_each(|held| columns.push(owner_id, held));
    }
    if columns.owners.is_empty() {
        return Ok(());
    }
    let owner = match owner {
        Owner::Product => "product",
        Owner::Variant => "variant",
    };
    statement(
        "insert into product_attribute_values (owner_type, owner_id, attribute_id, text_value, \
           number_value, bool_value, date_value, json_value)
         select $8, * from unnest($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind::<Array<SqlUuid>, _>(columns.owners)
    .bind::<Array<SqlUuid>, _>(columns.attributes)
    .bind::<Array<Nullable<Text>>, _>(columns.texts)
    .bind::<Array<Nullable<Double>>, _>(columns.numbers)
    .bind::<Array<Nullable<Bool>>, _>(columns.bools)
    .bind::<Array<Nullable<Date>>, _>(columns.dates)
    .bind::<Array<Nullable<Jsonb>>, _>(columns.jsons)
    .bind::<Text, _>(owner)
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[derive(Default)]
struct Columns<'v> {
    owners: Vec<Uuid>,
    attributes: Vec<Id<Attribute>>,
    texts: Vec<Option<&'v str>>,
    numbers: Vec<Option<f64>>,
    bools: Vec<Option<bool>>,
    dates: Vec<Option<NaiveDate>>,
    jsons: Vec<Option<Json>>,
}

impl<'v> Columns<'v> {
    fn push(&mut self, owner_id: Uuid, held: &'v Held) {
        self.owners.push(owner_id);
        self.attributes.push(held.attribute_id);
        self.texts.push(if let Value::Text(text) = &held.value { Some(text) } else { None });
        self.numbers.push(if let Value::Number(own) = held.value { Some(own) } else { None });
        self.bools.push(if let Value::Bool(flag) = held.value { Some(flag) } else { None });
        self.dates.push(if let Value::Date(day) = held.value { Some(day) } else { None });
        self.jsons.push(to_json(&held.value));
    }
}
