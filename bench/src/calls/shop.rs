//! The sample shop in the running mesh, and the calls of it.

use super::drive::Call;
use crate::client::Mesh;
use anyhow::{Context, Result};
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use catalog_api::v1::{
    DisplayContext, GetProductRequest, ListProductsRequest, ProductOrder, ProductView,
};
use chrono::Utc;
use contracts::types::v1::Money;
use futures::FutureExt;
use kernel::currency::Currency;
use pricing_api::v1::item::Name;
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use pricing_api::v1::{GetPriceRequest, Item, PriceContext, PriceDraft, SetPriceRequest};
use search::engine::query::{self, Query};
use search_api::v1::facet_request::Facet;
use search_api::v1::search_service_client::SearchServiceClient;
use search_api::v1::{FacetRequest, Filters, PriceView, SearchProductsRequest, Sort};
use std::sync::Arc;
use std::time::Instant;
use testkit::Caller;
use uuid::Uuid;

/// The default of the API.
const PAGE_SIZE: i32 = 20;
const FACET_SIZE: usize = 10;
/// Products whose pages are asked for again and again.
const HOT: usize = 100;

/// The sample shop that is measured.
pub const SHOP: souk::seed::Shop = souk::seed::Shop { products: 10_000, seed: 1 };

/// The products of the shop.
pub struct Shop {
    ids: Arc<Vec<Uuid>>,
    /// A SKU of each product.
    skus: Arc<Vec<String>>,
    /// A category with many products.
    category: String,
}

impl Shop {
    /// What the mesh holds.
    pub async fn open(mesh: &Mesh) -> Result<Self> {
        let skus = SHOP.rows().filter_map(|row| Some(row.variants.first()?.sku.clone())).collect();
        let (ids, category) = products(mesh).await?;
        Ok(Self { ids: Arc::new(ids), skus: Arc::new(skus), category })
    }

    pub fn product_ids(&self) -> Arc<Vec<Uuid>> {
        self.ids.clone()
    }

    pub fn skus(&self) -> Arc<Vec<String>> {
        self.skus.clone()
    }

    pub fn get_product(&self) -> Call<Caller> {
        let ids = self.product_ids();
        Arc::new(move |caller, number| {
            let product_id = ids[number % ids.len()].to_string();
            async move {
                CatalogServiceClient::new(caller)
                    .get_product(GetProductRequest { product_id, ..Default::default() })
                    .await?;
                Ok(())
            }
            .boxed()
        })
    }

    /// Pages of a hundred products, again and again.
    pub fn product_page(&self) -> Call<Caller> {
        let ids = self.product_ids();
        Arc::new(move |caller, number| {
            let request = GetProductRequest {
                product_id: ids[number % ids.len().min(HOT)].to_string(),
                view: ProductView::Full.into(),
                context: Some(DisplayContext { currency_code: "USD".into(), ..Default::default() }),
            };
            async move {
                CatalogServiceClient::new(caller).get_product(request).await?;
                Ok(())
            }
            .boxed()
        })
    }

    /// The cheapest products of a category.
    pub fn list_products(&self) -> Call<Caller> {
        let category_id = self.category.clone();
        Arc::new(move |caller, _| {
            let request = ListProductsRequest {
                page_size: PAGE_SIZE,
                category_id: category_id.clone(),
                include_subcategories: true,
                order: ProductOrder::PriceAscending.into(),
                currency_code: "USD".into(),
                ..Default::default()
            };
            async move {
                CatalogServiceClient::new(caller).list_products(request).await?;
                Ok(())
            }
            .boxed()
        })
    }

    pub fn get_price(&self) -> Call<Caller> {
        let skus = self.skus();
        Arc::new(move |caller, number| {
            let item = item(&skus[number % skus.len()]);
            async move {
                let context = PriceContext { currency_code: "USD".into(), ..Default::default() };
                let request = GetPriceRequest { item: Some(item), context: Some(context) };
                PricingServiceClient::new(caller).get_price(request).await?;
                Ok(())
            }
            .boxed()
        })
    }

    /// Each call changes a price: of different SKUs, and to an amount that it did not have.
    pub fn set_price(&self) -> Call<Caller> {
        let (skus, started) = (self.skus(), Instant::now());
        Arc::new(move |caller, number| {
            let item = item(&skus[number % skus.len()]);
            let amount = i64::try_from(started.elapsed().as_millis()).unwrap_or_default();
            async move {
                let base =
                    Money { currency_code: "USD".into(), minor_units: Some(10_000 + amount) };
                let price = PriceDraft { item: Some(item), base: Some(base), ..Default::default() };
                let request = SetPriceRequest { price: Some(price), ..Default::default() };
                PricingServiceClient::new(caller).set_price(request).await?;
                Ok(())
            }
            .boxed()
        })
    }

    /// Searches as they are sent, and as the engine takes them.
    pub fn searches(&self) -> Result<[(&'static str, SearchProductsRequest, Query); 3]> {
        let view = PriceView { currency_code: "USD".into(), ..Default::default() };
        let plain = SearchProductsRequest {
            query: "steel".into(),
            price_view: Some(view),
            page_size: PAGE_SIZE,
            ..Default::default()
        };
        let facets = [Facet::Category(true), Facet::Brand(true)];
        let facets = facets.map(|facet| FacetRequest { facet: Some(facet), ..Default::default() });
        let faceted = SearchProductsRequest { facets: facets.into(), ..plain.clone() };
        let listed = SearchProductsRequest {
            query: String::new(),
            filters: Some(Filters {
                category_ids: vec![self.category.clone()],
                ..Default::default()
            }),
            sort: Sort::PriceAscending.into(),
            ..plain.clone()
        };

        let pricing =
            query::PriceScope { currency: Some(Currency::parse("USD")?), ..Default::default() };
        let own = Query {
            text: "steel".into(),
            filters: query::Filters::default(),
            pricing,
            warehouse: None,
            at: Utc::now(),
            facets: Vec::new(),
            sort: query::Sort::Relevance,
            after: None,
            limit: usize::try_from(PAGE_SIZE)?,
        };
        let facets = [query::Facet::Category, query::Facet::Brand];
        let facets = facets.map(|facet| query::FacetRequest { facet, size: FACET_SIZE });
        let own_faceted = Query { facets: facets.into(), ..own.clone() };
        let own_listed = Query {
            text: String::new(),
            filters: query::Filters {
                category_ids: vec![self.category.parse()?],
                ..Default::default()
            },
            sort: query::Sort::PriceAscending,
            ..own.clone()
        };
        Ok([
            ("SearchProducts", plain, own),
            ("SearchProducts with facets", faceted, own_faceted),
            ("a category sorted by price", listed, own_listed),
        ])
    }
}

fn item(sku: &str) -> Item {
    Item { name: Some(Name::Sku(sku.to_owned())) }
}

pub fn search(request: SearchProductsRequest) -> Call<Caller> {
    Arc::new(move |caller, _| {
        let request = request.clone();
        async move {
            SearchServiceClient::new(caller).search_products(request).await?;
            Ok(())
        }
        .boxed()
    })
}

/// A call that passes the whole stack and reads nothing.
pub fn empty() -> Call<Caller> {
    Arc::new(|caller, _| {
        async move {
            let request = pricing_api::v1::BatchGetPricesRequest::default();
            let refused = PricingServiceClient::new(caller).batch_get_prices(request).await;
            let code = refused.err().map(|status| status.code());
            anyhow::ensure!(code == Some(tonic::Code::InvalidArgument));
            Ok(())
        }
        .boxed()
    })
}

/// The ids of the products, and the category that most of the first are filed under.
async fn products(mesh: &Mesh) -> Result<(Vec<Uuid>, String)> {
    let (mut ids, mut filed) = (Vec::new(), std::collections::HashMap::<String, u32>::new());
    let mut page_token = String::new();
    while ids.len() < 10_000 {
        let request = ListProductsRequest { page_size: 250, page_token, ..Default::default() };
        let page = mesh.catalog()?.list_products(request).await?.into_inner();
        for product in page.products {
            ids.push(product.product_id.parse()?);
            for category in product.category_ids {
                *filed.entry(category).or_default() += 1;
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let most = filed.into_iter().max_by_key(|(_, count)| *count);
    Ok((ids, most.context("no product is filed under a category")?.0))
}
