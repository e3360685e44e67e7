use crate::shop::{Shop, create, product};
use catalog::rpc::create_product::create_product;
use catalog::rpc::list_products::list_products;
use catalog_api::v1::{ListProductsRequest, ProductDraft};
use fault::Common;

#[tokio::test]
async fn pages_follow_each_other_by_id() {
    let shop = Shop::open().await;
    let (brand, category) = (shop.brand("Acme").await, shop.category("c", "").await);
    let mut all = Vec::new();
    for at in 0..5 {
        let odd = at % 2 == 1;
        let draft = ProductDraft {
            brand_id: if odd { brand.brand_id.clone() } else { String::new() },
            category_ids: if at > 1 { vec![category.category_id.clone()] } else { Vec::new() },
            ..product()
        };
        let made = create_product(&shop.app, create(draft, &[&format!("A-{at}")])).await.unwrap();
        all.push(made.product.unwrap());
    }
    let mut request = ListProductsRequest { page_size: 2, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = list_products(&shop.app, request.clone()).await.unwrap();
        assert!(page.products.len() <= 2);
        seen.extend(page.products);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, all);

    let of = |brand_id: &str, category_id: &str| ListProductsRequest {
        brand_id: brand_id.into(),
        category_id: category_id.into(),
        ..Default::default()
    };
    let listed = async |request| list_products(&shop.app, request).await.unwrap().products;
    let (brand, category) = (brand.brand_id.as_str(), category.category_id.as_str());
    assert_eq!(listed(of(brand, "")).await, [all[1].clone(), all[3].clone()]);
    assert_eq!(listed(of("", category)).await, all[2..]);
    assert_eq!(listed(of(brand, category)).await, [all[3].clone()]);

    let first = ListProductsRequest { page_size: 1, ..Default::default() };
    let token = list_products(&shop.app, first).await.unwrap().next_page_token;
    let other = ListProductsRequest { page_token: token, ..of(brand, "") };
    let fault = list_products(&shop.app, other).await.unwrap_err();
    assert!(fault.is(Common::PageTokenInvalid));
    shop.close().await;
}
