//! Brands.

use super::race;
use crate::domain::brand::Brand;
use crate::schema::{brands, products};
use catalog_api::v1::Reason;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use fault::Fault;
use kernel::head::Head;
use kernel::id::Id;
use kernel::name::fold;
use pg::entity::Stored;
use pg::{Columns, Tx};
use std::cmp::Ordering;
use std::collections::HashMap;

/// A brand as its table holds it.
#[derive(QueryableByName)]
#[diesel(table_name = brands)]
pub struct Row {
    #[diesel(embed)]
    head: Head<Brand>,
    name: String,
}

impl Stored for Brand {
    const TABLE: &'static str = "brands";

    type Row = Row;

    fn from_row(row: Row) -> Result<Self, Fault> {
        Ok(Self { head: row.head, name: row.name })
    }

    fn columns(columns: Columns<'_, Self>) -> Columns<'_, Self> {
        columns
            .column::<Text, _>("name", |own| &*own.name)
            .column::<Text, _>("name_folded", |own| fold(&own.name))
    }

    fn order(left: &Self, right: &Self) -> Ordering {
        left.name.cmp(&right.name)
    }

    fn not_found(id: Id<Self>) -> Fault {
        Fault::new(Reason::BrandNotFound, format!("there is no brand {id}"))
    }

    fn refused(error: Error) -> Fault {
        race(error)
    }
}

/// Locks the brands of these folded names against their deletion.
pub async fn lock_references(
    tx: &mut Tx,
    folded: &[String],
) -> Result<HashMap<String, Id<Brand>>, Fault> {
    let rows: Vec<(String, Id<Brand>)> = brands::table
        .filter(brands::name_folded.eq_any(folded).and(brands::deleted_at.is_null()))
        .select((brands::name_folded, brands::id))
        .order(brands::id)
        .for_key_share()
        .load(tx.conn())
        .await?;
    Ok(rows.into_iter().collect())
}

/// Whether another brand has the name.
pub async fn is_taken(tx: &mut Tx, name: &str, own: Id<Brand>) -> Result<bool, Fault> {
    let others = brands::table
        .filter(brands::name_folded.eq(fold(name)).and(brands::deleted_at.is_null()))
        .filter(brands::id.ne(own));
    Ok(diesel::select(diesel::dsl::exists(others)).get_result(tx.conn()).await?)
}

/// How many products have the brand.
pub async fn products(tx: &mut Tx, id: Id<Brand>) -> Result<i64, Fault> {
    let of_brand = products::table
        .filter(products::brand_id.eq(id).and(products::deleted_at.is_null()))
        .count();
    Ok(of_brand.get_result(tx.conn()).await?)
}
