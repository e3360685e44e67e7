//! A shop of 19,406 real products is imported with its prices and found; a second import changes nothing.

use catalog_api::v1::import_products_request::Part;
use catalog_api::v1::import_products_response::Part as Answer;
use catalog_api::v1::{
    ImportChunk, ImportChunkResult, ImportErrorPolicy, ImportProductsRequest, ImportRow,
    ImportStart,
};
use pricing_api::v1::BulkSetPricesRequest;
use search_api::v1::SearchProductsRequest;
use std::collections::BTreeMap;
use testkit::{Mesh, Options, eventually, icecat};

#[tokio::test(flavor = "multi_thread")]
async fn a_real_catalogue_is_imported_found_and_imported_again() {
    let Some(folder) = icecat::folder() else { return };
    // Other stories cover repeated delivery; here it would double 80,000 events.
    // Warehouse has no part in it, and would only read along.
    let environment = &[("SOUK_ENDPOINT_WAREHOUSE", "http://127.0.0.1:1")];
    let options = Options { twice: false, environment, ..Options::default() };
    let mesh = Mesh::boot_with(&[catalog::ROLE, pricing::ROLE, search::ROLE], options).await;
    let (rows, prices): (Vec<_>, Vec<_>) = icecat::read(&folder).into_iter().unzip();
    assert_eq!(rows.len(), icecat::PRODUCTS);

    let first = import(&mesh, &rows).await;
    assert_eq!(counts(&first), (19_406, 0, 0, 0));
    let mut created = 0;
    for chunk in prices.chunks(1_000) {
        let request = BulkSetPricesRequest { prices: chunk.to_vec(), ..Default::default() };
        created += mesh.pricing().bulk_set_prices(request).await.unwrap().into_inner().created;
    }
    assert_eq!(created, 19_406);
    eventually("all products are found", async || (total(&mesh).await == 19_406).then_some(()))
        .await;
    mesh.settle().await;

    let before = written(&mesh).await;
    assert_eq!(counts(&import(&mesh, &rows).await), (0, 0, 19_406, 0));
    for chunk in prices.chunks(1_000) {
        let request = BulkSetPricesRequest { prices: chunk.to_vec(), ..Default::default() };
        let answer = mesh.pricing().bulk_set_prices(request).await.unwrap().into_inner();
        assert_eq!((answer.created, answer.updated), (0, 0));
    }
    assert_eq!(written(&mesh).await, before, "an unchanged row writes and publishes nothing");

    let Relevance { all, judged } = relevance(&mesh, &icecat::judgments(&folder)).await;
    eprintln!("nDCG@10 is {all:.3}, of judged products alone {judged:.3}");
    assert!(all >= 0.77 && judged >= 0.84, "nDCG@10 is {all:.3}, {judged:.3}");
    mesh.finish().await;
}

async fn import(mesh: &Mesh, rows: &[ImportRow]) -> Vec<ImportChunkResult> {
    let start = ImportStart {
        import_id: uuid::Uuid::now_v7().to_string(),
        on_error: ImportErrorPolicy::Stop.into(),
        define_missing_attributes: true,
        create_missing_brands: true,
        ..Default::default()
    };
    let chunks = rows
        .chunks(200)
        .zip(1..)
        .map(|(rows, sequence)| Part::Chunk(ImportChunk { sequence, rows: rows.to_vec() }));
    let parts: Vec<ImportProductsRequest> = std::iter::once(Part::Start(start))
        .chain(chunks)
        .map(|part| ImportProductsRequest { part: Some(part) })
        .collect();
    let mut answers =
        mesh.catalog().import_products(tokio_stream::iter(parts)).await.unwrap().into_inner();
    let mut results = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        if let Some(Answer::Chunk(result)) = answer.part {
            results.push(result);
        }
    }
    results
}

fn counts(results: &[ImportChunkResult]) -> (i32, i32, i32, i32) {
    results.iter().fold((0, 0, 0, 0), |sum, r| {
        (sum.0 + r.created, sum.1 + r.updated, sum.2 + r.unchanged, sum.3 + r.refused)
    })
}

async fn total(mesh: &Mesh) -> i64 {
    let request = SearchProductsRequest { page_size: 1, ..Default::default() };
    mesh.search().search_products(request).await.unwrap().into_inner().total
}

/// Figures that change with every write: rows of the outboxes, versions and times of business rows.
async fn written(mesh: &Mesh) -> Vec<i64> {
    let mut all = Vec::new();
    for (role, query) in [
        ("catalog", "select count(*) from outbox"),
        ("catalog", "select coalesce(sum(version), 0)::bigint as count from products"),
        ("catalog", "select coalesce(sum(version), 0)::bigint as count from variants"),
        ("catalog", "select count(*) from product_attribute_values"),
        (
            "catalog",
            "select (extract(epoch from max(updated_at)) * 1000)::bigint as count from products",
        ),
        ("pricing", "select count(*) from outbox"),
        ("pricing", "select coalesce(sum(version), 0)::bigint as count from prices"),
        (
            "pricing",
            "select (extract(epoch from max(updated_at)) * 1000)::bigint as count from prices",
        ),
    ] {
        all.push(mesh.count(role, query).await);
    }
    all
}

/// nDCG@10: mean over the queries of the gain of the first ten, compared with the best possible order.
struct Relevance {
    /// With unjudged products at 0.
    all: f64,
    /// With unjudged products struck from the results.
    judged: f64,
}

/// So many results are looked at for those that are judged.
const LOOKED_AT: i32 = 500;

async fn relevance(mesh: &Mesh, judged: &BTreeMap<String, BTreeMap<String, u32>>) -> Relevance {
    let gain = |grade: u32| f64::from(2u32.pow(grade) - 1);
    let discounted = |grades: &[u32]| -> f64 {
        let ranked = grades.iter().take(10).zip(2u32..);
        ranked.map(|(grade, position)| gain(*grade) / f64::from(position).log2()).sum()
    };
    let mut sum = Relevance { all: 0.0, judged: 0.0 };
    for (query, grades) in judged {
        let (query, page_size) = (query.clone(), LOOKED_AT);
        let request = SearchProductsRequest { query, page_size, ..Default::default() };
        let found = mesh.search().search_products(request).await.unwrap().into_inner().products;
        let got: Vec<Option<u32>> = found.iter().map(|hit| grades.get(&hit.sku).copied()).collect();
        let all: Vec<u32> = got.iter().map(|grade| grade.unwrap_or_default()).collect();
        let known: Vec<u32> = got.into_iter().flatten().collect();
        let mut best: Vec<u32> = grades.values().copied().collect();
        best.sort_unstable_by(|a, b| b.cmp(a));
        sum.all += discounted(&all) / discounted(&best);
        sum.judged += discounted(&known) / discounted(&best);
    }
    let queries = f64::from(u32::try_from(judged.len()).unwrap());
    Relevance { all: sum.all / queries, judged: sum.judged / queries }
}
