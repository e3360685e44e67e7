//! The client of other teams against a served catalogue.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test fails by a panic")]

use futures::TryStreamExt;
use souk_client::catalog::v1::{CreateBrandRequest, ListBrandsRequest, Reason as CatalogReason};
use souk_client::types::v1::Reason as Common;
use souk_client::{Client, ConnectError, Reason, Refusal, TokenSource};
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::Mesh;

fn brand(n: usize) -> CreateBrandRequest {
    CreateBrandRequest { name: format!("Brand {n}"), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_page_by_page_and_a_refusal_has_a_type() {
    let mesh = Mesh::boot(&[catalog::ROLE]).await;
    let address = format!("http://{}", mesh.running().grpc());
    let asked = Arc::new(AtomicUsize::new(0));
    let (counted, token) = (Arc::clone(&asked), mesh.token().to_owned());
    let source = TokenSource::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok::<_, io::Error>(token.clone()))
    });
    let souk = Client::connect(&address, source).unwrap();
    for n in 0..7 {
        souk.catalog().create_brand(brand(n)).await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 7, "each call has a token of its own");

    let pages = souk.pages(ListBrandsRequest { page_size: 3, ..Default::default() });
    let pages: Vec<_> = pages.try_collect().await.unwrap();
    assert_eq!(pages.iter().map(|page| page.brands.len()).collect::<Vec<_>>(), [3, 3, 1]);
    let names = pages.into_iter().flat_map(|page| page.brands).map(|brand| brand.name);
    assert_eq!(names.collect::<BTreeSet<_>>().len(), 7);

    let taken = souk.catalog().create_brand(brand(0)).await.unwrap_err();
    assert_eq!(taken.reason(), Some(Reason::Catalog(CatalogReason::BrandNameTaken)), "{taken:?}");
    let invalid = souk.catalog().create_brand(CreateBrandRequest::default()).await.unwrap_err();
    assert_eq!(invalid.reason(), Some(Reason::Souk(Common::InvalidField)));
    assert_eq!(invalid.fields()[0].0, "name");

    let stranger = Client::connect(&address, "no token").unwrap();
    let refused = stranger.pages(ListBrandsRequest::default()).try_collect::<Vec<_>>().await;
    assert_eq!(refused.unwrap_err().reason(), Some(Reason::Souk(Common::TokenInvalid)));
    mesh.finish().await;
}

#[tokio::test]
async fn a_wrong_address_and_a_token_that_cannot_be_had_are_named() {
    for address in ["souk:50051", "ftp://souk:1", "http://", ""] {
        let error = Client::connect(address, "token").unwrap_err();
        assert!(matches!(error, ConnectError::Address { .. }), "{address}: {error:?}");
    }
    let source = TokenSource::new(async || Err::<String, _>(io::Error::other("the vault is shut")));
    let souk = Client::connect("http://127.0.0.1:1", source).unwrap();
    let status = souk.catalog().list_brands(ListBrandsRequest::default()).await.unwrap_err();
    assert_eq!(status.reason(), Some(Reason::Souk(Common::TokenMissing)));
    assert!(status.message().contains("the vault is shut"), "{status:?}");
}
