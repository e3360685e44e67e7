//! Answers that would be larger than clients take.

use catalog_api::v1::{
    BatchGetProductsRequest, CreateProductRequest, ListProductsRequest, ProductDraft, VariantDraft,
};
use futures::StreamExt;
use testkit::Mesh;

const PRODUCTS: usize = 260;

/// Products of 5 MB in all; their ids in the order of the list.
async fn fill(mesh: &Mesh) -> Vec<String> {
    let create = |number: usize| {
        let product = ProductDraft {
            title: format!("Book {number}"),
            description: "A long story. ".repeat(1_390),
            ..Default::default()
        };
        let variant = VariantDraft { sku: format!("BOOK-{number}"), ..Default::default() };
        CreateProductRequest {
            product: Some(product),
            variants: vec![variant],
            ..Default::default()
        }
    };
    let mut ids: Vec<String> = futures::stream::iter(0..PRODUCTS)
        .map(|number| async move {
            let created = mesh.catalog().create_product(create(number)).await.unwrap();
            created.into_inner().product.unwrap().product_id
        })
        .buffer_unordered(8)
        .collect()
        .await;
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_default_limits_gets_lists_and_batches_in_parts() {
    let mesh = Mesh::boot(&[catalog::ROLE]).await;
    let ids = fill(&mesh).await;

    let mut request = ListProductsRequest { page_size: 250, ..Default::default() };
    let mut listed = Vec::new();
    loop {
        let page = mesh.catalog().list_products(request.clone()).await.unwrap().into_inner();
        assert!((1..250).contains(&page.products.len()));
        listed.extend(page.products.into_iter().map(|product| product.product_id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, ids);

    let (mut found, mut remaining) = (Vec::new(), ids.clone());
    // One that does not exist, and one that is named twice.
    remaining.insert(200, uuid::Uuid::now_v7().to_string());
    remaining.push(ids[0].clone());
    while !remaining.is_empty() {
        let request = BatchGetProductsRequest { product_ids: remaining };
        let part = mesh.catalog().batch_get_products(request).await.unwrap().into_inner();
        assert!((1..250).contains(&part.products.len()));
        found.extend(part.products.into_iter().map(|product| product.product_id));
        remaining = part.remaining_ids;
    }
    assert_eq!(found, ids);
    mesh.finish().await;
}
