//! A small shop, and what search says of it.

use contracts::catalog::v1::{
    CreateProductRequest, Product, ProductDraft, Tier1Attributes, Variant, VariantDraft,
};
use contracts::operations::v1::{GetOperationRequest, Operation, OperationState};
use contracts::pricing::v1::item::Name;
use contracts::pricing::v1::{Item, PriceDraft, SetPriceRequest};
use contracts::search::v1::{PriceView, SearchProductsRequest, SearchProductsResponse};
use contracts::types::v1::Money;
use testkit::{Mesh, eventually};

pub const ALL: [&str; 3] = ["catalog", "pricing", "search"];

pub fn usd(minor_units: i64) -> Option<Money> {
    Some(Money { currency_code: "USD".to_owned(), minor_units })
}

/// A variant of a SKU, a color and a size.
pub fn variant(sku: &str, color: &str, size: &str) -> VariantDraft {
    let tier1 = Tier1Attributes { color: color.into(), size: size.into(), ..Default::default() };
    VariantDraft { sku: sku.into(), tier1_attributes: Some(tier1), ..Default::default() }
}

pub async fn create(
    mesh: &Mesh,
    product: ProductDraft,
    variants: Vec<VariantDraft>,
) -> (Product, Vec<Variant>) {
    let request = CreateProductRequest { product: Some(product), variants, ..Default::default() };
    let created = mesh.catalog().create_product(request).await.unwrap().into_inner();
    (created.product.unwrap(), created.variants)
}

pub fn titled(title: &str) -> ProductDraft {
    ProductDraft { title: title.to_owned(), ..Default::default() }
}

pub async fn set_price(mesh: &Mesh, sku: &str, minor_units: i64) {
    let item = Some(Item { name: Some(Name::Sku(sku.to_owned())) });
    let price = PriceDraft { item, base: usd(minor_units), ..Default::default() };
    let request = SetPriceRequest { price: Some(price), ..Default::default() };
    mesh.pricing().set_price(request).await.unwrap();
}

pub fn in_usd(query: &str) -> SearchProductsRequest {
    SearchProductsRequest {
        query: query.to_owned(),
        price_view: Some(PriceView { currency_code: "USD".to_owned(), ..Default::default() }),
        ..Default::default()
    }
}

pub async fn search(mesh: &Mesh, request: SearchProductsRequest) -> SearchProductsResponse {
    mesh.search().search_products(request).await.unwrap().into_inner()
}

/// Waits until a search answers as it should.
pub async fn until(
    mesh: &Mesh,
    what: &str,
    request: SearchProductsRequest,
    is: impl Fn(&SearchProductsResponse) -> bool,
) -> SearchProductsResponse {
    eventually(what, async || {
        let answer = search(mesh, request.clone()).await;
        is(&answer).then_some(answer)
    })
    .await
}

/// Follows an operation to its end.
pub async fn ended(mesh: &Mesh, operation: Operation) -> Operation {
    eventually("the operation ends", async || {
        let request = GetOperationRequest { name: operation.name.clone() };
        let operation = mesh.operations().get_operation(request).await.unwrap().into_inner();
        operation.operation.filter(|now| now.state() != OperationState::Running)
    })
    .await
}
