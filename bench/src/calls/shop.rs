//! The sample shop in the running mesh, and the calls of it.

use crate::client::Mesh;
use anyhow::{Context, Result};
use catalog_api::v1::catalog_service_client::CatalogServiceClient;
use catalog_api::v1::{GetProductRequest, ListProductsRequest};
use contracts::types::v1::Money;
use futures::FutureExt;
use futures::future::BoxFuture;
use pricing_api::v1::item::Name;
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use pricing_api::v1::{GetPriceRequest, Item, PriceContext, PriceDraft, SetPriceRequest};
use search_api::v1::facet_request::Facet;
use search_api::v1::search_service_client::SearchServiceClient;
use search_api::v1::{FacetRequest, Filters, PriceView, SearchProductsRequest, Sort};
use souk::commands::seed::fill;
use souk::environment::Environment;
use souk::load::caller::Caller as Loader;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::Caller;
use uuid::Uuid;

const SHOP: souk::seed::Shop = souk::seed::Shop { products: 10_000, seed: 1 };

/// The products of the shop.
pub struct Shop {
    ids: Arc<Vec<Uuid>>,
    /// A SKU of each product.
    skus: Arc<Vec<String>>,
    /// A category with many products.
    category: String,
}

type Call = BoxFuture<'static, Result<()>>;

impl Shop {
    /// Fills the shop unless it is, and prints how long that took.
    pub async fn open(mesh: &Mesh) -> Result<Self> {
        let skus: Vec<String> =
            SHOP.rows().filter_map(|row| Some(row.variants.first()?.sku.clone())).collect();
        let total = i64::try_from(skus.len())?;
        if count(mesh).await? < total {
            let started = Instant::now();
            let loader = Loader::new(&Environment::of_client(), &Default::default())?;
            fill(&loader, SHOP).await?;
            println!("import of {total} products with prices: {:.1?}", started.elapsed());
            while count(mesh).await? < total {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            println!("all are found {:.1?} after the import began", started.elapsed());
        }
        let (ids, category) = products(mesh).await?;
        Ok(Self { ids: Arc::new(ids), skus: Arc::new(skus), category })
    }

    pub fn product_ids(&self) -> Arc<Vec<Uuid>> {
        self.ids.clone()
    }

    pub fn skus(&self) -> Arc<Vec<String>> {
        self.skus.clone()
    }

    pub fn get_product(&self) -> impl Fn(Caller, usize) -> Call + Clone + Send + 'static {
        let ids = self.product_ids();
        move |caller, number| {
            let product_id = ids[number % ids.len()].to_string();
            async move {
                CatalogServiceClient::new(caller)
                    .get_product(GetProductRequest { product_id })
                    .await?;
                Ok(())
            }
            .boxed()
        }
    }

    pub fn get_price(&self) -> impl Fn(Caller, usize) -> Call + Clone + Send + 'static {
        let skus = self.skus();
        move |caller, number| {
            let item = item(&skus[number % skus.len()]);
            async move {
                let context = PriceContext { currency_code: "USD".into(), ..Default::default() };
                let request = GetPriceRequest { item: Some(item), context: Some(context) };
                PricingServiceClient::new(caller).get_price(request).await?;
                Ok(())
            }
            .boxed()
        }
    }

    /// Each call changes a price: of different SKUs, and to an amount that it did not have.
    pub fn set_price(&self) -> impl Fn(Caller, usize) -> Call + Clone + Send + 'static {
        let (skus, started) = (self.skus(), Instant::now());
        move |caller, number| {
            let item = item(&skus[number % skus.len()]);
            let amount = i64::try_from(started.elapsed().as_millis()).unwrap_or_default();
            async move {
                let base = Money { currency_code: "USD".into(), minor_units: 10_000 + amount };
                let price = PriceDraft { item: Some(item), base: Some(base), ..Default::default() };
                let request = SetPriceRequest { price: Some(price), ..Default::default() };
                PricingServiceClient::new(caller).set_price(request).await?;
                Ok(())
            }
            .boxed()
        }
    }

    pub fn searches(&self) -> [(&'static str, SearchProductsRequest); 3] {
        let view = PriceView { currency_code: "USD".into(), ..Default::default() };
        let plain = SearchProductsRequest {
            query: "steel".into(),
            price_view: Some(view),
            ..Default::default()
        };
        let facets = [Facet::Category(true), Facet::Brand(true)];
        let facets = facets.map(|facet| FacetRequest { facet: Some(facet), ..Default::default() });
        let listed = SearchProductsRequest {
            query: String::new(),
            filters: Some(Filters {
                category_ids: vec![self.category.clone()],
                ..Default::default()
            }),
            sort: Sort::PriceAscending.into(),
            ..plain.clone()
        };
        [
            ("SearchProducts", plain.clone()),
            (
                "SearchProducts with facets",
                SearchProductsRequest { facets: facets.into(), ..plain },
            ),
            ("a category sorted by price", listed),
        ]
    }
}

fn item(sku: &str) -> Item {
    Item { name: Some(Name::Sku(sku.to_owned())) }
}

pub fn search(
    request: SearchProductsRequest,
) -> impl Fn(Caller, usize) -> Call + Clone + Send + 'static {
    move |caller, _| {
        let request = request.clone();
        async move {
            SearchServiceClient::new(caller).search_products(request).await?;
            Ok(())
        }
        .boxed()
    }
}

/// A call that passes the whole stack and reads nothing.
pub fn empty(caller: Caller, _: usize) -> Call {
    async move {
        let request = pricing_api::v1::BatchGetPricesRequest::default();
        let refused = PricingServiceClient::new(caller).batch_get_prices(request).await;
        anyhow::ensure!(refused.is_err_and(|status| status.code() == tonic::Code::InvalidArgument));
        Ok(())
    }
    .boxed()
}

async fn count(mesh: &Mesh) -> Result<i64> {
    let request = SearchProductsRequest { page_size: 1, ..Default::default() };
    Ok(mesh.search()?.search_products(request).await?.into_inner().total)
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
