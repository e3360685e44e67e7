//! Definitions of attributes.

use super::{race, unreadable};
use crate::domain::attribute::{Attribute, Definition, Outside, Rules, Type, Uses};
use crate::domain::definitions::Definitions;
use crate::domain::kind::Kind;
use crate::domain::product::Product;
use crate::domain::value::CodedValue;
use crate::domain::variant::Variant;
use crate::schema::attributes;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Bool, Double, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::head::Head;
use kernel::id::Id;
use pg::entity::Stored;
use pg::{Columns, Tx, statement};
use serde_json::{Value as Json, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A definition as its table holds it.
#[derive(QueryableByName)]
#[diesel(table_name = attributes)]
pub struct Row {
    #[diesel(embed)]
    head: Head<Attribute>,
    code: String,
    #[diesel(column_name = "type", sql_type = Text)]
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
}

impl Stored for Attribute {
    const TABLE: &'static str = "attributes";

    type Row = Row;

    fn from_row(row: Row) -> Result<Self, Fault> {
        let broken = || unreadable("attribute", row.head.id);
        let definition = Definition {
            code: row.code,
            r#type: Type::of(&row.type_).ok_or_else(broken)?,
            name: row.name,
            unit: row.unit,
            allowed_values: serde_json::from_value(row.allowed_values).map_err(|_| broken())?,
            variant_defining: row.variant_defining,
            filterable: row.filterable,
            facetable: row.facetable,
            searchable: row.searchable,
            sortable: row.sortable,
            show_in_card: row.show_in_card,
            rules: Rules { min: row.rule_min, max: row.rule_max, pattern: row.rule_pattern },
        };
        Ok(Self { head: row.head, definition })
    }

    fn columns(columns: Columns<'_, Self>) -> Columns<'_, Self> {
        columns
            .fixed::<Text, _>("code", |own| &*own.definition.code)
            .fixed::<Text, _>("kind", |own| own.definition.r#type.kind().name())
            .column::<Text, _>("type", |own| own.definition.r#type.name())
            .column::<Text, _>("name", |own| &*own.definition.name)
            .column::<Text, _>("unit", |own| &*own.definition.unit)
            .column::<Jsonb, _>("allowed_values", |own| json!(own.definition.allowed_values))
            .column::<Bool, _>("variant_defining", |own| own.definition.variant_defining)
            .column::<Bool, _>("filterable", |own| own.definition.filterable)
            .column::<Bool, _>("facetable", |own| own.definition.facetable)
            .column::<Bool, _>("searchable", |own| own.definition.searchable)
            .column::<Bool, _>("sortable", |own| own.definition.sortable)
            .column::<Bool, _>("show_in_card", |own| own.definition.show_in_card)
            .column::<Nullable<Double>, _>("rule_min", |own| own.definition.rules.min)
            .column::<Nullable<Double>, _>("rule_max", |own| own.definition.rules.max)
            .column::<Text, _>("rule_pattern", |own| &*own.definition.rules.pattern)
    }

    fn order(left: &Self, right: &Self) -> Ordering {
        left.definition.code.cmp(&right.definition.code)
    }

    /// Definitions are not looked up by id.
    fn not_found(id: Id<Self>) -> Fault {
        unreadable("attribute", id)
    }

    fn refused(error: Error) -> Fault {
        race(error)
    }
}

/// The definitions that values name, locked against changes that could make the values wrong.
pub async fn lock_references<'g>(
    tx: &mut Tx,
    given: impl IntoIterator<Item = &'g CodedValue>,
) -> Result<Definitions, Fault> {
    // A text that cannot be a code may also be one that PostgreSQL does not take.
    let codes: BTreeSet<&str> = given.into_iter().map(|given| given.code.as_str()).collect();
    let codes: Vec<&str> = codes.into_iter().filter(|code| Definition::is_code(code)).collect();
    if codes.is_empty() {
        return Ok(Definitions::default());
    }
    let sql = format!(
        "{} where owner.code = any($1) and owner.deleted_at is null order by owner.id for key share",
        Attribute::select()
    );
    let rows: Vec<Row> = statement(sql).bind::<Array<Text>, _>(codes).load(tx.conn()).await?;
    let attributes = rows.into_iter().map(Attribute::from_row).collect::<Result<_, _>>()?;
    Ok(Definitions::new(attributes))
}

/// Locks a definition for a change: no value can be written meanwhile.
pub async fn lock(tx: &mut Tx, code: &str, kind: Kind) -> Result<Option<Attribute>, Fault> {
    let sql = format!(
        "{} where owner.code = $1 and owner.kind = $2 and owner.deleted_at is null for update",
        Attribute::select()
    );
    let row: Option<Row> = statement(sql)
        .bind::<Text, _>(code)
        .bind::<Text, _>(kind.name())
        .get_result(tx.conn())
        .await
        .optional()?;
    row.map(Attribute::from_row).transpose()
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
        statement(sql).bind::<SqlUuid, _>(attribute.head.id).get_result(tx.conn()).await?;
    let old = &attribute.definition;
    let narrowed = !new.allowed_values.is_empty()
        && (old.allowed_values != new.allowed_values || old.r#type != new.r#type);
    let outside = if found.any && narrowed {
        outside(tx, attribute, &new.allowed_values).await?
    } else {
        Outside::default()
    };
    Ok(Uses { any: found.any, by_variants: found.by_variants, outside })
}

/// Texts that some value has and that are not among the allowed ones; the first 20 of them, and their number.
async fn outside(tx: &mut Tx, attribute: &Attribute, allowed: &[String]) -> Result<Outside, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(Pg))]
    struct Found {
        #[diesel(sql_type = Text)]
        text: String,
        #[diesel(sql_type = BigInt)]
        count: i64,
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
        _ => return Ok(Outside::default()),
    };
    let sql = format!(
        "select text, count(*) over () as count from (
             select distinct text from ({held}) as held where text <> all ($2)
         ) as outside order by text limit 20"
    );
    let found: Vec<Found> = statement(sql)
        .bind::<SqlUuid, _>(attribute.head.id)
        .bind::<Array<Text>, _>(allowed)
        .get_results(tx.conn())
        .await?;
    let count = found.as_slice().first().map_or(0, |row| row.count);
    Ok(Outside { some: found.into_iter().map(|row| row.text).collect(), count })
}

/// Products and variants that have a value of an attribute.
#[derive(Debug, Default)]
pub struct Owners {
    /// Products.
    pub products: Vec<Id<Product>>,
    /// Variants.
    pub variants: Vec<Id<Variant>>,
    /// How many there are, those that were not asked for included.
    pub count: i64,
}

/// Up to `limit` products and variants that have a value of a locked definition: any, or this text.
pub async fn owners(
    tx: &mut Tx,
    attribute: &Attribute,
    text: Option<&str>,
    limit: i64,
) -> Result<Owners, Fault> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(Pg))]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        owner_id: Uuid,
        #[diesel(sql_type = Bool)]
        is_product: bool,
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let has = match (attribute.definition.r#type.kind(), text) {
        (_, None) => "$2::text is null",
        (Kind::Texts, _) => "json_value @> to_jsonb($2::text)",
        _ => "left(text_value, 200) = left($2, 200) and text_value = $2",
    };
    let sql = format!(
        "select owner_id, owner_type = 'product' as is_product, count(*) over () as count
         from product_attribute_values where attribute_id = $1 and {has}
         order by owner_id limit $3"
    );
    let rows: Vec<Row> = statement(sql)
        .bind::<SqlUuid, _>(attribute.head.id)
        .bind::<Nullable<Text>, _>(text)
        .bind::<BigInt, _>(limit)
        .get_results(tx.conn())
        .await?;
    let mut owners =
        Owners { count: rows.as_slice().first().map_or(0, |row| row.count), ..Owners::default() };
    for row in rows {
        match row.is_product {
            true => owners.products.push(Id::from_uuid(row.owner_id)),
            false => owners.variants.push(Id::from_uuid(row.owner_id)),
        }
    }
    Ok(owners)
}
