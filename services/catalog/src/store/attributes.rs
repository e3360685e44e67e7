//! Definitions of attributes.

use super::{race, unreadable};
use crate::domain::attribute::{Attribute, Definition, Rules, Type, Uses};
use crate::domain::change::Change;
use crate::domain::definitions::Definitions;
use crate::domain::value::{Given, Kind};
use crate::schema::attributes;
use crate::wire;
use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Bool, Double, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::id::Id;
use pg::{Tx, outbox, statement};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

#[derive(Queryable, Selectable)]
#[diesel(table_name = attributes)]
struct Row {
    id: Id<Attribute>,
    code: String,
    type_: String,
    name: String,
    unit: String,
    allowed_values: Json,
    variant_defining: bool,
    filterable: bool,
    facetable: bool,
    searchable: bool,
    sortable: bool,
    show_in_card: bool,
    rule_min: Option<f64>,
    rule_max: Option<f64>,
    rule_pattern: String,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Row {
    fn attribute(self) -> Result<Attribute, Fault> {
        let broken = || unreadable("attribute", self.id);
        let definition = Definition {
            code: self.code,
            r#type: Type::of(&self.type_).ok_or_else(broken)?,
            name: self.name,
            unit: self.unit,
            allowed_values: serde_json::from_value(self.allowed_values).map_err(|_| broken())?,
            variant_defining: self.variant_defining,
            filterable: self.filterable,
            facetable: self.facetable,
            searchable: self.searchable,
            sortable: self.sortable,
            show_in_card: self.show_in_card,
            rules: Rules { min: self.rule_min, max: self.rule_max, pattern: self.rule_pattern },
        };
        Ok(Attribute {
            id: self.id,
            definition,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// The definitions that values name, locked against changes that could make the values wrong.
pub async fn hold<'g>(
    tx: &mut Tx,
    given: impl IntoIterator<Item = &'g Given>,
) -> Result<Definitions, Fault> {
    // A text that cannot be a code may also be one that PostgreSQL does not take.
    let codes: BTreeSet<&str> = given.into_iter().map(|given| given.code.as_str()).collect();
    let codes: Vec<&str> = codes.into_iter().filter(|code| Definition::is_code(code)).collect();
    if codes.is_empty() {
        return Ok(Definitions::default());
    }
    let rows: Vec<Row> = attributes::table
        .filter(attributes::code.eq_any(codes))
        .select(Row::as_select())
        .order(attributes::id)
        .for_key_share()
        .load(tx.conn())
        .await?;
    let attributes = rows.into_iter().map(Row::attribute).collect::<Result<_, _>>()?;
    Ok(Definitions::new(attributes))
}

/// Locks a definition for a change: no value can be written meanwhile.
pub async fn lock(tx: &mut Tx, code: &str, kind: Kind) -> Result<Option<Attribute>, Fault> {
    let row: Option<Row> = attributes::table
        .filter(attributes::code.eq(code).and(attributes::kind.eq(kind.name())))
        .select(Row::as_select())
        .for_update()
        .first(tx.conn())
        .await
        .optional()?;
    row.map(Row::attribute).transpose()
}

/// What values there are of a locked definition that is to become `new`.
pub async fn uses(tx: &mut Tx, attribute: &Attribute, new: &Definition) -> Result<Uses, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(Pg))]
    struct Found {
        #[diesel(sql_type = Bool)]
        any: bool,
        #[diesel(sql_type = Bool)]
        by_variants: bool,
    }
    let column = match attribute.definition.r#type.kind() {
        Kind::Text => "text_value",
        Kind::Number => "number_value",
        Kind::Bool => "bool_value",
        Kind::Date => "date_value",
        Kind::Texts | Kind::Money | Kind::Localized | Kind::Json => "json_value",
    };
    // Naming the column lets each question use the index of its kind.
    let held =
        format!("from product_attribute_values where attribute_id = $1 and {column} is not null");
    let sql = format!(
        "select exists (select {held}) as any,
                exists (select {held} and owner_type = 'variant') as by_variants"
    );
    let found: Found =
        statement(sql).bind::<SqlUuid, _>(attribute.id).get_result(tx.conn()).await?;
    let narrowed =
        !new.allowed_values.is_empty() && attribute.definition.allowed_values != new.allowed_values;
    let outside = if found.any && narrowed {
        outside(tx, attribute, &new.allowed_values).await?
    } else {
        None
    };
    Ok(Uses { any: found.any, by_variants: found.by_variants, outside })
}

/// A text that some value of an enum has and that is not among the allowed ones.
async fn outside(
    tx: &mut Tx,
    attribute: &Attribute,
    allowed: &[String],
) -> Result<Option<String>, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(Pg))]
    struct Found {
        #[diesel(sql_type = Text)]
        text: String,
    }
    let held = match attribute.definition.r#type.kind() {
        Kind::Text => {
            "select text_value as text from product_attribute_values
             where attribute_id = $1 and text_value is not null"
        }
        Kind::Texts => {
            "select jsonb_array_elements_text(json_value) as text from product_attribute_values
             where attribute_id = $1 and json_value is not null"
        }
        _ => return Ok(None),
    };
    let sql = format!("select text from ({held}) as held where text <> all ($2) limit 1");
    let found: Option<Found> = statement(sql)
        .bind::<SqlUuid, _>(attribute.id)
        .bind::<Array<Text>, _>(allowed)
        .get_result(tx.conn())
        .await
        .optional()?;
    Ok(found.map(|row| row.text))
}

/// A page of definitions, by id.
pub async fn list(tx: &mut Tx, after: Id<Attribute>, limit: i64) -> Result<Vec<Attribute>, Fault> {
    let rows: Vec<Row> = attributes::table
        .filter(attributes::id.gt(after))
        .select(Row::as_select())
        .order(attributes::id)
        .limit(limit)
        .load(tx.conn())
        .await?;
    rows.into_iter().map(Row::attribute).collect()
}

/// Writes a definition and tells of its change; without a change it does nothing.
pub async fn save(
    tx: &mut Tx,
    attribute: &Attribute,
    change: Option<&Change>,
) -> Result<(), Fault> {
    match change {
        Some(_) => save_all(tx, &[attribute]).await,
        None => Ok(()),
    }
}

/// Writes locked or new definitions and tells of them.
pub async fn save_all(tx: &mut Tx, changed: &[&Attribute]) -> Result<(), Fault> {
    if changed.is_empty() {
        return Ok(());
    }
    let rows = || changed.iter().map(|own| &own.definition);
    let flags = |flag: fn(&Definition) -> bool| rows().map(flag).collect::<Vec<_>>();
    statement(
        "insert into attributes (id, code, kind, type, name, unit, allowed_values,
           variant_defining, filterable, facetable, searchable, sortable, show_in_card,
           rule_min, rule_max, rule_pattern, version, created_at, updated_at)
         select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
           $16, $17, $18, $19) as new (id, code)
         order by code
         on conflict (id) do update set type = excluded.type, name = excluded.name,
           unit = excluded.unit, allowed_values = excluded.allowed_values,
           variant_defining = excluded.variant_defining, filterable = excluded.filterable,
           facetable = excluded.facetable, searchable = excluded.searchable,
           sortable = excluded.sortable, show_in_card = excluded.show_in_card,
           rule_min = excluded.rule_min, rule_max = excluded.rule_max,
           rule_pattern = excluded.rule_pattern, version = excluded.version,
           updated_at = excluded.updated_at",
    )
    .bind::<Array<SqlUuid>, _>(changed.iter().map(|own| own.id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows().map(|own| &*own.code).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows().map(|own| own.r#type.kind().name()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows().map(|own| own.r#type.name()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows().map(|own| &*own.name).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows().map(|own| &*own.unit).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(rows().map(|own| json!(own.allowed_values)).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(flags(|own| own.variant_defining))
    .bind::<Array<Bool>, _>(flags(|own| own.filterable))
    .bind::<Array<Bool>, _>(flags(|own| own.facetable))
    .bind::<Array<Bool>, _>(flags(|own| own.searchable))
    .bind::<Array<Bool>, _>(flags(|own| own.sortable))
    .bind::<Array<Bool>, _>(flags(|own| own.show_in_card))
    .bind::<Array<Nullable<Double>>, _>(rows().map(|own| own.rules.min).collect::<Vec<_>>())
    .bind::<Array<Nullable<Double>>, _>(rows().map(|own| own.rules.max).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows().map(|own| &*own.rules.pattern).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(changed.iter().map(|own| own.version).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(changed.iter().map(|own| own.created_at).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(changed.iter().map(|own| own.updated_at).collect::<Vec<_>>())
    .execute(tx.conn())
    .await
    .map_err(race)?;
    outbox::append(tx, changed.iter().map(|own| wire::attribute::fact(own))).await
}

/// Publishes definitions again as they are; returns which there are. They are locked against a change, so that no newer version
/// is published before.
pub async fn republish(tx: &mut Tx, ids: &[Id<Attribute>]) -> Result<Vec<Id<Attribute>>, Fault> {
    let rows: Vec<Row> = attributes::table
        .filter(attributes::id.eq_any(ids))
        .select(Row::as_select())
        .order(attributes::id)
        .for_no_key_update()
        .load(tx.conn())
        .await?;
    let found = rows.into_iter().map(Row::attribute).collect::<Result<Vec<_>, _>>()?;
    outbox::append(tx, found.iter().map(wire::attribute::fact)).await?;
    Ok(found.iter().map(|own| own.id).collect())
}
