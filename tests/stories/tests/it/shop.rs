//! Helpers of the stories: products, prices and searches.

use catalog_api::v1::{CreateProductRequest, Product, ProductDraft, Variant, VariantDraft};
use contracts::types::v1::Money;
use pricing_api::v1::item::Name;
use pricing_api::v1::{Item, PriceDraft, SetPriceRequest};
use search_api::v1::{PriceView, ProductHit, SearchProductsRequest};
use testkit::Mesh;

pub fn usd(minor_units: i64) -> Option<Money> {
    Some(Money { currency_code: "USD".to_owned(), minor_units: Some(minor_units) })
}

pub fn sku(sku: &str) -> Option<Item> {
    Some(Item { name: Some(Name::Sku(sku.to_owned())) })
}

pub fn price(of: &str, minor_units: i64) -> SetPriceRequest {
    let price = PriceDraft { item: sku(of), base: usd(minor_units), ..Default::default() };
    SetPriceRequest { price: Some(price), ..Default::default() }
}

pub fn product(title: &str, skus: &[&str]) -> CreateProductRequest {
    let variant = |sku: &&str| VariantDraft {
        sku: (*sku).to_owned(),
        tier1_attributes: Some(catalog_api::v1::Tier1Attributes {
            color: (*sku).to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    CreateProductRequest {
        product: Some(ProductDraft { title: title.to_owned(), ..Default::default() }),
        variants: skus.iter().map(variant).collect(),
        ..Default::default()
    }
}

pub async fn create(mesh: &Mesh, request: CreateProductRequest) -> (Product, Vec<Variant>) {
    let created = mesh.catalog().create_product(request).await.unwrap().into_inner();
    (created.product.unwrap(), created.variants)
}

/// What a search in US dollars finds.
pub async fn find(mesh: &Mesh, query: &str) -> Vec<ProductHit> {
    let request = SearchProductsRequest {
        query: query.to_owned(),
        price_view: Some(PriceView { currency_code: "USD".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    mesh.search().search_products(request).await.unwrap().into_inner().products
}

/// The amount of the first product that a search finds.
pub async fn amount(mesh: &Mesh, query: &str) -> Option<i64> {
    Some(find(mesh, query).await.first()?.amount.as_ref()?.minor_units())
}
