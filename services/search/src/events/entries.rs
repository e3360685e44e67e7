//! Turns an event into the entry of its source. An entry is the full public state of the source; for products search also
//! derives the brand and categories they are found by and whether customers may find them.

use crate::domain::entry::{Entry, Filing, Section};
use catalog_api::v1::{
    Attribute, Brand, Category, Product, ProductStatus, Variant, VariantDeleted,
};
use contracts::{Aggregate, Event, Observed, Unreadable};
use convert::read;
use fault::{Common, Fault};
use kernel::id::Id;
use pricing_api::v1::{Price, PriceDeleted};
use prost::Message;
use uuid::Uuid;
use warehouse_api::v1::{Stock, Warehouse};

/// The entry that an event makes.
pub fn entry(section: Section, subject: &str, payload: &[u8]) -> Result<Entry, Fault> {
    match section {
        Section::Product => product(observed(subject, payload)?),
        Section::Variant => {
            let gone = |gone: VariantDeleted| gone.product_id;
            of_product(section, subject, payload, |own: &Variant| &own.product_id, gone)
        }
        Section::Price => {
            let gone = |gone: PriceDeleted| gone.product_id;
            of_product(section, subject, payload, |own: &Price| &own.product_id, gone)
        }
        Section::Stock => stock(observed(subject, payload)?),
        Section::Category => shared(section, observed::<Category>(subject, payload)?),
        Section::Brand => shared(section, observed::<Brand>(subject, payload)?),
        Section::Attribute => shared(section, observed::<Attribute>(subject, payload)?),
        Section::Warehouse => shared(section, observed::<Warehouse>(subject, payload)?),
    }
}

fn product(product: Observed<Product>) -> Result<Entry, Fault> {
    let filing = product.state.as_ref().map(filing).transpose()?.unwrap_or_default();
    let entry = shared(Section::Product, product)?;
    Ok(Entry { product_id: Some(entry.source_id), filing: Some(filing), ..entry })
}

/// The entry of a level. No event says that a level is gone, so each has a state.
fn stock(stock: Observed<Stock>) -> Result<Entry, Fault> {
    let level = stock.state.clone().unwrap_or_default();
    let product_id = Some(uuid("stock.product_id", &level.product_id)?);
    let warehouse_id = Some(uuid("stock.warehouse_id", &level.warehouse_id)?);
    Ok(Entry { product_id, warehouse_id, ..shared(Section::Stock, stock)? })
}

/// A product's entry as it is kept, with the filing that its body stands for.
pub fn filed(kept: Entry) -> Result<Entry, Fault> {
    let Some(body) = &kept.body else {
        return Ok(Entry { filing: Some(Filing::default()), ..kept });
    };
    let product = Product::decode(body.as_slice())
        .map_err(|error| Fault::internal(error).context("read an entry"))?;
    Ok(Entry { filing: Some(filing(&product)?), ..kept })
}

fn filing(product: &Product) -> Result<Filing, Fault> {
    read(|fields| {
        fields.within("product", |fields| {
            let brand_id = fields.optional_id::<Brand>("brand_id", &product.brand_id);
            let category_ids =
                fields.ids::<Category, Vec<_>>("category_ids", &product.category_ids);
            let shown = product.status() == ProductStatus::Active;
            Some(Filing {
                brand_id: brand_id?.map(Id::uuid),
                category_ids: category_ids?.into_iter().map(Id::uuid).collect(),
                shown,
            })
        })
    })
}

/// The entry of something that belongs to a product, which its deletion names too.
fn of_product<A: Aggregate, D: Event>(
    section: Section,
    subject: &str,
    payload: &[u8],
    live: fn(&A) -> &String,
    gone: fn(D) -> String,
) -> Result<Entry, Fault> {
    let observed = observed::<A>(subject, payload)?;
    let product_id = match &observed.state {
        Some(state) => live(state).clone(),
        None => gone(D::decode(payload).map_err(undecodable)?),
    };
    let entry = shared(section, observed)?;
    Ok(Entry { product_id: Some(uuid("product_id", &product_id)?), ..entry })
}

/// The entry of what many documents share.
fn shared<A: Aggregate>(section: Section, observed: Observed<A>) -> Result<Entry, Fault> {
    Ok(Entry {
        section,
        source_id: uuid("key", &observed.key)?,
        version: observed.version,
        product_id: None,
        body: observed.state.map(|state| state.encode_to_vec()),
        warehouse_id: None,
        filing: None,
    })
}

fn observed<A: Aggregate>(subject: &str, payload: &[u8]) -> Result<Observed<A>, Fault> {
    A::read(subject, payload).map_err(|error| match error {
        Unreadable::Invalid(violations) => Fault::invalid(violations),
        other => undecodable(other),
    })
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::new(Common::Undecodable, "the event cannot be decoded").because(error)
}

fn uuid(field: &str, text: &str) -> Result<Uuid, Fault> {
    read(|fields| fields.id::<Entry>(field, text)).map(Id::uuid)
}
