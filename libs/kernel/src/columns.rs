//! Tests that `Id`, `Sku` and `Currency` work as diesel columns, nullable or not.

use diesel::{debug_query, pg::Pg, prelude::*};

use crate::{currency::Currency, id::Id, sku::Sku};

diesel::table! {
    prices (id) {
        id -> Uuid,
        replaces -> Nullable<Uuid>,
        sku -> Text,
        alias -> Nullable<Text>,
        currency -> Text,
    }
}

#[derive(Debug)]
enum Price {}

#[derive(Debug, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = prices, check_for_backend(Pg))]
struct Row {
    id: Id<Price>,
    replaces: Option<Id<Price>>,
    sku: Sku,
    alias: Option<Sku>,
    currency: Currency,
}

const ID: &str = "01976f2e-7c2b-7d3e-8a51-0123456789ab";

fn row() -> Row {
    Row {
        id: Id::parse(ID).unwrap(),
        replaces: None,
        sku: Sku::parse("icecat-3920564").unwrap(),
        alias: Sku::parse("other").ok(),
        currency: Currency::parse("USD").unwrap(),
    }
}

#[test]
fn values_bind_in_filters() {
    let row = row();
    let query = prices::table
        .filter(prices::id.eq(row.id))
        .filter(prices::replaces.eq(row.id).or(prices::replaces.eq_any([row.id])))
        .filter(prices::sku.eq(&row.sku).and(prices::alias.eq(&row.sku)))
        .filter(prices::currency.eq(row.currency))
        .select(Row::as_select());
    let sql = debug_query::<Pg, _>(&query).to_string();
    let bound = [ID, "icecat-3920564", "USD"].map(|value| sql.matches(value).count());
    assert_eq!(bound, [3, 2, 1], "{sql}");
}

#[test]
fn values_bind_in_writes() {
    let row = row();
    let insert = debug_query::<Pg, _>(&diesel::insert_into(prices::table).values(&row)).to_string();
    let update = debug_query::<Pg, _>(&diesel::update(&row).set(&row)).to_string();
    for sql in [insert, update] {
        for value in [ID, "icecat-3920564", "other", "USD"] {
            assert!(sql.contains(value), "{value} in {sql}");
        }
    }
}
