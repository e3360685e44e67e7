use crate::shop::Shop;
use catalog::rpc::create_brand::create_brand;
use catalog_api::v1::{BrandCreated, CreateBrandRequest, Reason};
use futures::future::join_all;

fn request(name: &str) -> CreateBrandRequest {
    CreateBrandRequest { name: name.into(), ..Default::default() }
}

#[tokio::test]
async fn a_brand_is_created_and_its_name_is_unique_in_any_case() {
    let shop = Shop::open().await;
    let brand = shop.brand("École").await;
    let event = shop.outbox().await.last().unwrap().read::<BrandCreated>();
    assert_eq!(event.brand, Some(brand));
    for same in ["éCOLE", " École ", "E\u{301}cole"] {
        let fault = create_brand(&shop.app, request(same)).await.unwrap_err();
        assert!(fault.is(Reason::BrandNameTaken), "{same:?}: {fault}");
    }
    let trimmed = create_brand(&shop.app, request(" Levi\u{2019}s ")).await.unwrap().brand;
    assert_eq!(trimmed.unwrap().name, "Levi\u{2019}s");
    assert!(create_brand(&shop.app, request("LEVI'S")).await.is_err());
    for blank in ["   ", "\u{200b}", "Ni\u{200b}ke", "Ni\nke"] {
        let fault = create_brand(&shop.app, request(blank)).await.unwrap_err();
        assert_eq!(fault.reason(), "INVALID_FIELD", "{blank:?}");
    }
    assert_eq!(
        create_brand(&shop.app, request("a\0")).await.unwrap_err().reason(),
        "INVALID_FIELD"
    );
    shop.close().await;
}

#[tokio::test]
async fn of_concurrent_creations_with_one_name_one_succeeds() {
    let shop = Shop::open().await;
    let names = (0..10).map(|at| if at % 2 == 0 { "Acme" } else { "ACME" });
    let answers = join_all(names.map(|name| create_brand(&shop.app, request(name)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for fault in answers.into_iter().filter_map(Result::err) {
        assert!(fault.is(Reason::BrandNameTaken), "{fault}");
    }
    shop.close().await;
}
