//! Lists products.

use crate::App;
use crate::answers::LIST;
use crate::domain::listed::wanted;
use crate::domain::product::Product;
use crate::store::list::{self, Order, Place, Query};
use crate::store::products::{self, Filter};
use crate::wire::product::status;
use catalog_api::v1::{ListProductsRequest, ListProductsResponse, ProductOrder, ProductStatus};
use contracts::Rpc;
use convert::{Fields, read};
use fault::{Common, Fault};
use kernel::id::Id;
use mesh::Page;
use pg::entity;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// A page of the products that exist.
pub async fn list_products(
    app: &App,
    request: ListProductsRequest,
) -> Result<ListProductsResponse, Fault> {
    let page = app.paging.page(&request)?;
    let query = read(|fields| query(fields, &request))?;
    if is_plain(&request) {
        return by_id(app, &page, &query).await;
    }
    let after = page.cursor().map(place).transpose()?;
    let (query, after, page) = (&query, after.as_ref(), &page);
    let make = async || sorted(app, page, query, after).await;
    app.cached.answer(&request, &[LIST.to_owned()], make).await
}

/// Answered from the products themselves: by id, of a category or brand.
fn is_plain(request: &ListProductsRequest) -> bool {
    request.order() == ProductOrder::Unspecified
        && request.status() == ProductStatus::Unspecified
        && !request.include_subcategories
        && request.attributes.is_empty()
}

fn query(fields: &mut Fields, request: &ListProductsRequest) -> Option<Query> {
    let category_id = fields.optional_id("category_id", &request.category_id);
    let brand_id = fields.optional_id("brand_id", &request.brand_id);
    let order = order(fields, request);
    let terms = request.attributes.iter().map(|own| wanted(&own.code, &own.value));
    Some(Query {
        category_id: category_id?,
        below: request.include_subcategories,
        brand_id: brand_id?,
        status: status(request.status()),
        terms: terms.collect(),
        order: order?,
    })
}

fn order(fields: &mut Fields, request: &ListProductsRequest) -> Option<Order> {
    let by_price: fn(_) -> Order = match request.order() {
        ProductOrder::Unspecified => return Some(Order::Id),
        ProductOrder::Name => return Some(Order::Name),
        ProductOrder::Newest => return Some(Order::Newest),
        ProductOrder::PriceAscending => Order::Price,
        ProductOrder::PriceDescending => Order::PriceDescending,
    };
    if request.currency_code.is_empty() {
        let message = "is needed to sort by price";
        return fields.refuse(Common::InvalidField, "currency_code", message);
    }
    fields.currency("currency_code", &request.currency_code).map(by_price)
}

async fn by_id(app: &App, page: &Page, query: &Query) -> Result<ListProductsResponse, Fault> {
    let filter = Filter { category_id: query.category_id, brand_id: query.brand_id };
    let (after, rows) = (page.after()?, page.rows());
    let products = app
        .db
        .read_stale(ListProductsRequest::METHOD, async move |tx| {
            products::list(tx, filter, after, rows).await
        })
        .await?;
    let (products, next_page_token) = page.items_by_id(products, |product| product.head.id);
    Ok(ListProductsResponse { products, next_page_token })
}

async fn sorted(
    app: &App,
    page: &Page,
    query: &Query,
    after: Option<&Place>,
) -> Result<(ListProductsResponse, Option<Duration>), Fault> {
    let rows = app
        .db
        .read("catalog.sorted_products", async move |tx| {
            let places = list::page(tx, query, after, page.rows()).await?;
            let ids: Vec<Id<Product>> = places.iter().map(|own| own.product_id).collect();
            let found: Vec<Product> = entity::find(tx, &ids).await?;
            let mut found: HashMap<_, _> =
                found.into_iter().map(|own| (own.head.id, own)).collect();
            let row = |own: Place| Some((found.remove(&own.product_id)?, own));
            Ok(places.into_iter().filter_map(row).collect::<Vec<_>>())
        })
        .await?;
    let (products, next_page_token) =
        page.items(rows, |(product, _)| product.into(), |(_, own)| cursor(own));
    Ok((ListProductsResponse { products, next_page_token }, None))
}

/// Id, price and title, which is no longer than 400 bytes.
fn cursor(own: &Place) -> Vec<u8> {
    let id = own.product_id.uuid().into_bytes();
    [&id[..], &own.amount.to_be_bytes(), own.title_key.as_bytes()].concat()
}

fn place(cursor: &[u8]) -> Result<Place, Fault> {
    let read = || {
        let (id, rest) = cursor.split_first_chunk::<16>()?;
        let (amount, title) = rest.split_first_chunk::<8>()?;
        Some(Place {
            product_id: Id::from_uuid(Uuid::from_bytes(*id)),
            title_key: String::from_utf8(title.to_vec()).ok()?,
            amount: i64::from_be_bytes(*amount),
        })
    };
    // A token whose signature is valid can have another form only if another release made it.
    read().ok_or_else(|| {
        let message = "was not made for these arguments; start at the first page";
        Fault::field(Common::PageTokenInvalid, "page_token", message)
    })
}
