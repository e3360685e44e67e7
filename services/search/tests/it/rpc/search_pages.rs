//! Pages of a search.

use crate::shop::{ALL, create, in_usd, search, set_price, titled, until, usd, variant};
use catalog_api::v1::DeleteProductRequest;
use mesh::Page;
use pricing_api::v1::item::Name;
use pricing_api::v1::{Item, PriceDraft, SetPriceRequest};
use prost::Message;
use prost_types::Timestamp;
use search_api::v1::{SearchProductsRequest, SearchProductsResponse, Sort};
use testkit::{Mesh, Options, reason};
use tonic::Code;

fn page_key() -> mesh::config::Page {
    mesh::config::Page { key: Some("k".repeat(32).into()), previous_key: None }
}

/// Replicas have the same key.
fn replica() -> Options {
    Options { config: |config| config.page = page_key(), ..Options::default() }
}

/// Mugs of a price each, all of them found; their product ids in order.
async fn mugs(mesh: &Mesh, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 1..=count {
        let sku = format!("MUG-{number}");
        let (mug, _) = create(mesh, titled("Mug"), vec![variant(&sku, "white", "")]).await;
        set_price(mesh, &sku, 1000).await;
        ids.push(mug.product_id);
    }
    mesh.settle().await;
    until(mesh, "all mugs have prices", in_usd("mug"), |answer| {
        answer.products.iter().filter(|mug| mug.amount.is_some()).count() == count
    })
    .await;
    ids.sort_unstable();
    ids
}

fn mug(page_size: i32) -> SearchProductsRequest {
    SearchProductsRequest { page_size, ..in_usd("mug") }
}

fn after(request: SearchProductsRequest, page: &SearchProductsResponse) -> SearchProductsRequest {
    assert_ne!(page.next_page_token, "");
    SearchProductsRequest { page_token: page.next_page_token.clone(), ..request }
}

fn ids(page: &SearchProductsResponse) -> Vec<&str> {
    page.products.iter().map(|product| product.product_id.as_str()).collect()
}

async fn delete(mesh: &Mesh, product_id: &str) {
    let request = DeleteProductRequest { product_id: product_id.to_owned(), ..Default::default() };
    mesh.catalog().delete_product(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_relevance_show_what_was_there_at_the_first() {
    let mesh = Mesh::boot(&ALL).await;
    let mugs = mugs(&mesh, 5).await;
    let first = search(&mesh, mug(2)).await;
    assert_eq!((ids(&first), first.total), (vec![mugs[0].as_str(), &mugs[1]], 5));

    create(&mesh, titled("Mug mug mug"), vec![variant("MUG-6", "", "")]).await;
    delete(&mesh, &mugs[0]).await;
    delete(&mesh, &mugs[3]).await;
    until(&mesh, "the index has changed", mug(2), |now| now.total == 4).await;
    let second = search(&mesh, after(mug(2), &first)).await;
    assert_eq!((ids(&second), second.total), (vec![mugs[2].as_str()], 5), "without the deleted");
    let third = search(&mesh, after(mug(2), &second)).await;
    assert_eq!((ids(&third), third.next_page_token.as_str()), (vec![mugs[4].as_str()], ""));
    let views = [&first, &second, &third].map(|page| page.price_view.clone().unwrap());
    assert!(views.iter().all(|view| view.at == views[0].at));
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_stored_values_show_what_is_there_now() {
    let mesh = Mesh::boot(&ALL).await;
    let mugs = mugs(&mesh, 5).await;
    let everything = || SearchProductsRequest { query: String::new(), ..mug(2) };
    let by_price = || SearchProductsRequest { sort: Sort::PriceAscending.into(), ..mug(2) };
    let requests = [everything(), by_price()];
    let mut firsts = Vec::new();
    for request in &requests {
        firsts.push(search(&mesh, request.clone()).await);
    }
    delete(&mesh, &mugs[0]).await;
    delete(&mesh, &mugs[2]).await;
    until(&mesh, "the index has changed", mug(2), |now| now.total == 3).await;
    for (request, first) in requests.into_iter().zip(&firsts) {
        assert_eq!(ids(first), [&mugs[0], &mugs[1]]);
        let second = search(&mesh, after(request, first)).await;
        assert_eq!((ids(&second), second.total), (vec![mugs[3].as_str(), &mugs[4]], 3));
        assert_eq!(second.next_page_token, "");
    }
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_by_relevance_expires_and_one_by_price_does_not() {
    let environment = &[("SOUK_SEARCH_CONTINUED_SECONDS", "0")];
    let mesh = Mesh::boot_with(&ALL, Options { environment, ..Options::default() }).await;
    mugs(&mesh, 3).await;
    let first = search(&mesh, mug(2)).await;
    let refused = mesh.search().search_products(after(mug(2), &first)).await.unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), refused.code()),
        ("PAGE_EXPIRED", Code::FailedPrecondition)
    );
    assert!(refused.message().contains("start at the first page"), "{refused}");

    let by_price = || SearchProductsRequest { sort: Sort::PriceAscending.into(), ..mug(2) };
    let first = search(&mesh, by_price()).await;
    assert_eq!(search(&mesh, after(by_price(), &first)).await.products.len(), 1);
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_by_relevance_is_continued_where_it_began() {
    let (mesh, other) =
        futures::join!(Mesh::boot_with(&ALL, replica()), Mesh::boot_with(&ALL, replica()));
    mugs(&mesh, 3).await;
    let first = search(&mesh, mug(2)).await;
    let refused = other.search().search_products(after(mug(2), &first)).await.unwrap_err();
    assert_eq!(reason(&refused), "PAGE_EXPIRED");
    let by_price = || SearchProductsRequest { sort: Sort::PriceAscending.into(), ..mug(2) };
    let first_by_price = search(&mesh, by_price()).await;
    search(&other, after(by_price(), &first_by_price)).await;
    assert_eq!(search(&mesh, after(mug(2), &first)).await.products.len(), 1);
    mesh.finish().await;
    other.finish().await;
}

/// Fields of a token that a test changes.
#[derive(Clone, PartialEq, Message)]
struct Changed {
    #[prost(sfixed64, optional, tag = "1")]
    at_micros: Option<i64>,
    #[prost(uint64, optional, tag = "6")]
    served: Option<u64>,
}

/// The request for the page that follows, with a token as if these fields were others.
fn changed(
    request: SearchProductsRequest,
    page: &SearchProductsResponse,
    change: Changed,
) -> SearchProductsRequest {
    let request = after(request, page);
    let opened: Page = mesh::Paging::new(&page_key()).page(&request).unwrap();
    // Of a field that is there twice the last one counts.
    let cursor = [opened.cursor().unwrap(), &change.encode_to_vec()].concat();
    SearchProductsRequest { page_token: opened.token(&cursor), ..request }
}

/// As if a sale had begun between two pages: to the first one it is not there yet.
#[tokio::test(flavor = "multi_thread")]
async fn prices_of_all_pages_are_those_of_the_first() {
    let mesh = Mesh::boot_with(&ALL, replica()).await;
    mugs(&mesh, 2).await;
    let begins = 1_700_000_000;
    let sale = PriceDraft {
        base: usd(1_000),
        sale: usd(800),
        from: Some(Timestamp { seconds: begins, nanos: 0 }),
        ..Default::default()
    };
    for number in 1..=2 {
        let item = Item { name: Some(Name::Sku(format!("MUG-{number}"))) };
        let price = PriceDraft { item: Some(item), ..sale.clone() };
        let request = SetPriceRequest { price: Some(price), ..Default::default() };
        mesh.pricing().set_price(request).await.unwrap();
    }
    until(&mesh, "both mugs are on sale", mug(2), |now| {
        now.products.iter().filter(|mug| mug.amount == usd(800)).count() == 2
    })
    .await;
    for sort in [Sort::Relevance, Sort::Newest] {
        let request = || SearchProductsRequest { sort: sort.into(), ..mug(1) };
        let first = search(&mesh, request()).await;
        let second = search(&mesh, after(request(), &first)).await;
        assert_eq!(second.products[0].amount, usd(800));
        let at = Some((begins - 1) * 1_000_000);
        let before = changed(request(), &first, Changed { at_micros: at, served: None });
        let second = search(&mesh, before).await;
        assert_eq!(second.products[0].amount, usd(1_000), "{sort:?}");
        assert_eq!(second.price_view.unwrap().at.unwrap().seconds, begins - 1);
    }
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_relevance_has_a_last_result() {
    let mesh = Mesh::boot_with(&ALL, replica()).await;
    let mugs = mugs(&mesh, 4).await;
    let first = search(&mesh, mug(1)).await;
    let served = |served| Changed { served: Some(served), at_micros: None };
    let last = search(&mesh, changed(mug(20), &first, served(9_999))).await;
    assert_eq!((ids(&last), last.total), (vec![mugs[1].as_str()], 4));
    assert_eq!(last.next_page_token, "");
    let too_deep = changed(mug(20), &first, served(10_000));
    let refused = mesh.search().search_products(too_deep).await.unwrap_err();
    assert_eq!(reason(&refused), "PAGE_TOO_DEEP");

    let by_price = || SearchProductsRequest { sort: Sort::PriceAscending.into(), ..mug(1) };
    let first = search(&mesh, by_price()).await;
    let second = search(&mesh, changed(by_price(), &first, served(10_000))).await;
    assert_eq!(ids(&second), [&mugs[1]]);
    assert_eq!(ids(&search(&mesh, after(by_price(), &second)).await), [&mugs[2]]);
    mesh.finish().await;
}
