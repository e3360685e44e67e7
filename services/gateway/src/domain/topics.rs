//! What kept answers depend on, and which of it an event ends.

use catalog_api::v1 as catalog;
use contracts::Event;
use pricing_api::v1 as pricing;
use prost::Message;
use std::time::Duration;
use uuid::Uuid;
use warehouse_api::v1 as warehouse;

/// Changes of whatever there is, as far as anybody knows: an event may have been missed.
pub const ALL: &str = "all";
/// Changes of any product, price or stock.
pub const PRODUCTS: &str = "products";

/// How long what depends on events is kept.
const LONG: Duration = Duration::from_secs(60);
/// How long results of searches are. The index follows events by itself, so that an event says nothing of when it shows them.
const SHORT: Duration = Duration::from_millis(500);

/// What an answer depends on, and how long it may be kept; none where it may not be. `method` is the method's name, `path` and `query`
/// those of the request.
pub fn of(method: &str, path: &str, query: &str) -> Option<(Vec<String>, Duration)> {
    let all = || ALL.to_owned();
    match method {
        "GetProductView" => {
            let id = Uuid::parse_str(path.rsplit('/').next()?).ok()?;
            Some((vec![all(), product(&id.to_string())], LONG))
        }
        // Catalog keeps what sorted lists are made of by itself, so that an event says nothing of when they show it.
        "ListProductViews" if ["sort", "ubcategories"].iter().any(|own| query.contains(own)) => {
            Some((vec![all()], SHORT))
        }
        "ListProductViews" => Some((vec![all(), PRODUCTS.to_owned()], LONG)),
        "SearchProductViews" => Some((vec![all()], SHORT)),
        _ => None,
    }
}

/// Changes of one product, its variants, prices and stock.
pub fn product(id: &str) -> String {
    format!("product:{id}")
}

/// What an event ends; `key` is that of the event.
pub fn ended(subject: &str, key: &str, payload: &[u8]) -> Vec<String> {
    let id = match subject {
        catalog::ProductCreated::SUBJECT
        | catalog::ProductUpdated::SUBJECT
        | catalog::ProductDeleted::SUBJECT => Some(key.to_owned()),
        catalog::VariantCreated::SUBJECT => read(payload, |event: catalog::VariantCreated| {
            event.variant.map(|variant| variant.product_id)
        }),
        catalog::VariantUpdated::SUBJECT => read(payload, |event: catalog::VariantUpdated| {
            event.variant.map(|variant| variant.product_id)
        }),
        catalog::VariantDeleted::SUBJECT => {
            read(payload, |event: catalog::VariantDeleted| Some(event.product_id))
        }
        pricing::PriceUpdated::SUBJECT => {
            read(payload, |event: pricing::PriceUpdated| event.price.map(|price| price.product_id))
        }
        pricing::PriceDeleted::SUBJECT => {
            read(payload, |event: pricing::PriceDeleted| Some(event.product_id))
        }
        warehouse::StockChanged::SUBJECT => read(payload, |event: warehouse::StockChanged| {
            event.stock.map(|stock| stock.product_id)
        }),
        // Whether and where a warehouse ships counts for all that it has.
        subject if subject.starts_with("warehouse.location.") => None,
        _ => return Vec::new(),
    };
    match id {
        Some(id) => vec![product(&id), PRODUCTS.to_owned()],
        // Of a contract that is newer than this process, or of a warehouse: anything may have changed.
        None => vec![ALL.to_owned()],
    }
}

fn read<E: Message + Default>(
    payload: &[u8],
    id: impl FnOnce(E) -> Option<String>,
) -> Option<String> {
    E::decode(payload).ok().and_then(id).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_depends_on_its_product_in_whatever_spelling() {
        let id = "018f0000-0000-7000-8000-00000000000A";
        let (topics, age) =
            of("GetProductView", &format!("/api/v1/catalog/products/{id}"), "").unwrap();
        assert_eq!(topics, ["all".to_owned(), product(&id.to_lowercase())]);
        assert_eq!(age, LONG);
        assert_eq!(of("GetProductView", "/api/v1/catalog/products/x", ""), None);
        assert_eq!(of("CreateProduct", "/api/v1/catalog/products", ""), None);
        let list = |query| of("ListProductViews", "/api/v1/catalog/products", query).unwrap().1;
        assert_eq!((list("brandId=b"), list("sort=price")), (LONG, SHORT));
        assert_eq!(list("categoryId=c&includeSubcategories=true"), SHORT);
        assert_eq!(list("category_id=c&include_subcategories=true"), SHORT);
    }

    #[test]
    fn an_event_ends_what_shows_its_product() {
        let ends = vec![product("p"), PRODUCTS.to_owned()];
        assert_eq!(ended("catalog.product.updated", "p", b""), ends);
        let price = pricing::Price { product_id: "p".to_owned(), ..Default::default() };
        let event = pricing::PriceUpdated { price: Some(price), ..Default::default() };
        assert_eq!(ended("pricing.price.updated", "price", &event.encode_to_vec()), ends);
        let event = catalog::VariantDeleted { product_id: "p".to_owned(), ..Default::default() };
        assert_eq!(ended("catalog.variant.deleted", "v", &event.encode_to_vec()), ends);
        assert_eq!(ended("pricing.price.updated", "price", b"\xff"), ["all"]);
        let stock = warehouse::Stock { product_id: "p".to_owned(), ..Default::default() };
        let event = warehouse::StockChanged { stock: Some(stock), ..Default::default() };
        assert_eq!(ended("warehouse.inventory.stock_changed", "s", &event.encode_to_vec()), ends);
        assert_eq!(ended("warehouse.location.updated", "w", b""), ["all"]);
        assert!(ended("warehouse.inventory.low_stock", "s", b"").is_empty());
        assert!(ended("catalog.brand.updated", "b", b"").is_empty());
    }
}
