use crate::shop::{Shop, attribute, create, field, mask, product, uuid, value};
use catalog::jobs::keep_list;
use catalog::rpc::create_product::create_product;
use catalog::rpc::delete_product::delete_product;
use catalog::rpc::list_products::list_products;
use catalog::rpc::update_category::update_category;
use catalog::rpc::update_product::update_product;
use catalog::store::display::{self, NewPrice};
use catalog::store::list;
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{
    AttributeFilter, AttributeType, CategoryDraft, DeleteProductRequest, ListProductsRequest,
    ProductDraft, ProductOrder, ProductStatus, UpdateCategoryRequest, UpdateProductRequest,
};
use chrono::{DateTime, TimeDelta, Utc};
use contracts::types::v1::Money;
use fault::Common;
use kernel::id::Id;
use pg::Tx;
use pricing_api::v1::Price;
use prost::Message;
use std::collections::BTreeMap;

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

/// A shop with a tree of three categories and seven products, and the title of each product by its id.
async fn filled() -> (Shop, [String; 3], BTreeMap<String, String>) {
    let shop = Shop::open().await;
    shop.define(attribute("screen", AttributeType::Number)).await.unwrap();
    let top = shop.category("top", "").await.category_id;
    let mid = shop.category("mid", &top).await.category_id;
    let leaf = shop.category("leaf", &mid).await.category_id;
    let mut titles = BTreeMap::new();
    for (at, (title, category, status, screen, cents)) in [
        ("delta", Some(&leaf), ProductStatus::Active, 6.1, Some(300)),
        ("Alpha", Some(&mid), ProductStatus::Active, 6.1, Some(100)),
        ("charlie", Some(&top), ProductStatus::Draft, 5.0, Some(200)),
        ("bravo", Some(&leaf), ProductStatus::Active, 5.0, None),
        ("alpha", None, ProductStatus::Active, 6.1, Some(100)),
        ("echo", Some(&mid), ProductStatus::Inactive, 7.0, Some(50)),
        ("foxtrot", Some(&leaf), ProductStatus::Active, 7.0, Some(300)),
    ]
    .into_iter()
    .enumerate()
    {
        let draft = ProductDraft {
            title: title.to_owned(),
            category_ids: category.into_iter().cloned().collect(),
            status: status.into(),
            tier2_attributes: vec![value("screen", Value::Number(screen))],
            ..product()
        };
        let made = create_product(&shop.app, create(draft, &[&format!("A-{at}")])).await.unwrap();
        let made = made.product.unwrap();
        if let Some(cents) = cents {
            price(&shop, &made.product_id, cents, None).await;
        }
        titles.insert(made.product_id, title.to_owned());
    }
    keep_list::round(&shop.app).await.unwrap();
    (shop, [top, mid, leaf], titles)
}

/// Keeps a price of a product, as the events of pricing do.
async fn price(shop: &Shop, product_id: &str, cents: i64, from: Option<DateTime<Utc>>) {
    let money = Money { currency_code: "EUR".into(), minor_units: Some(cents) };
    let own = Price {
        price_id: uuid(),
        product_id: product_id.to_owned(),
        base: Some(money),
        from: from.map(convert::timestamp),
        ..Default::default()
    };
    let price_id = Id::parse(&own.price_id).unwrap();
    let product_id = Id::parse(product_id).unwrap();
    let new = &[NewPrice { price_id, product_id, body: own.encode_to_vec() }];
    let keep = async |tx: &mut Tx| {
        display::keep_prices(tx, new).await?;
        list::is_due(tx, [product_id]).await
    };
    shop.app.db.write("test.price", keep).await.unwrap();
}

/// The titles of all pages of two.
async fn titles(shop: &Shop, mut request: ListProductsRequest) -> Vec<String> {
    let mut seen = Vec::new();
    request.page_size = 2;
    loop {
        let page = list_products(&shop.app, request.clone()).await.unwrap();
        assert!(page.products.len() <= 2);
        seen.extend(page.products.into_iter().map(|own| own.title));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return seen;
        }
    }
}

#[tokio::test]
async fn lists_are_sorted_and_filtered_and_page_through_all_once() {
    let (shop, [top, mid, _], _) = filled().await;
    let by = |order: ProductOrder| ListProductsRequest {
        order: order.into(),
        currency_code: "EUR".into(),
        ..Default::default()
    };
    let of = |request: ListProductsRequest| titles(&shop, request);
    use ProductOrder::{Name, Newest, PriceAscending, PriceDescending, Unspecified};
    assert_eq!(
        of(by(Name)).await,
        ["Alpha", "alpha", "bravo", "charlie", "delta", "echo", "foxtrot"]
    );
    assert_eq!(
        of(by(Newest)).await,
        ["foxtrot", "echo", "alpha", "bravo", "charlie", "Alpha", "delta"]
    );
    let cheap = ["echo", "Alpha", "alpha", "charlie", "delta", "foxtrot"];
    assert_eq!(of(by(PriceAscending)).await, cheap);
    let dear: Vec<&str> = ["foxtrot", "delta", "charlie", "alpha", "Alpha", "echo"].into();
    assert_eq!(of(by(PriceDescending)).await, dear);

    let within = |category: &str, below| ListProductsRequest {
        category_id: category.to_owned(),
        include_subcategories: below,
        ..by(Name)
    };
    assert_eq!(of(within(&mid, true)).await, ["Alpha", "bravo", "delta", "echo", "foxtrot"]);
    assert_eq!(of(within(&mid, false)).await, ["Alpha", "echo"]);
    let filter =
        |code: &str, value: &str| AttributeFilter { code: code.into(), value: value.into() };
    let screen =
        |value| ListProductsRequest { attributes: vec![filter("screen", value)], ..by(Name) };
    for written in ["6.1", "6.10", " 6.1"] {
        assert_eq!(of(screen(written)).await, ["Alpha", "alpha", "delta"], "{written}");
    }
    let active = ListProductsRequest {
        status: ProductStatus::Active.into(),
        attributes: vec![filter("screen", "6.1"), filter("color", "COLOR 0")],
        order: Unspecified.into(),
        ..within(&top, true)
    };
    assert_eq!(of(active.clone()).await, ["delta", "Alpha"]);
    let none = ListProductsRequest { attributes: vec![filter("color", "pink")], ..active };
    assert_eq!(of(none).await, Vec::<String>::new());

    let nowhere = ListProductsRequest { currency_code: String::new(), ..by(PriceAscending) };
    let fault = list_products(&shop.app, nowhere).await.unwrap_err();
    assert_eq!((fault.reason(), field(&fault)), ("INVALID_FIELD", "currency_code"));
    let unknown = ListProductsRequest { currency_code: "XXQ".into(), ..by(PriceAscending) };
    assert!(list_products(&shop.app, unknown).await.unwrap_err().is(Common::UnknownCurrency));
    shop.close().await;
}

#[tokio::test]
async fn a_list_follows_changes_of_products_categories_and_prices() {
    let (shop, [_, mid, leaf], by_id) = filled().await;
    let id = |title: &str| by_id.iter().find(|(_, own)| *own == title).unwrap().0.clone();
    let below = ListProductsRequest {
        category_id: mid,
        include_subcategories: true,
        order: ProductOrder::PriceAscending.into(),
        currency_code: "EUR".into(),
        ..Default::default()
    };
    let listed = async || {
        keep_list::round(&shop.app).await.unwrap();
        titles(&shop, below.clone()).await
    };
    assert_eq!(listed().await, ["echo", "Alpha", "delta", "foxtrot"]);
    // The subtree is moved away, and one product of it deleted.
    let away = UpdateCategoryRequest {
        category_id: leaf,
        category: Some(CategoryDraft::default()),
        update_mask: mask(&["parent_id"]),
        ..Default::default()
    };
    update_category(&shop.app, away).await.unwrap();
    let gone = DeleteProductRequest { product_id: id("Alpha"), ..Default::default() };
    delete_product(&shop.app, gone).await.unwrap();
    assert_eq!(listed().await, ["echo"]);
    let filed = UpdateProductRequest {
        product_id: id("alpha"),
        product: Some(ProductDraft {
            title: "zulu".into(),
            category_ids: vec![below.category_id.clone()],
            ..Default::default()
        }),
        update_mask: mask(&["title", "category_ids"]),
        ..Default::default()
    };
    update_product(&shop.app, filed).await.unwrap();
    assert_eq!(listed().await, ["echo", "zulu"]);
    // A price begins: no event says so.
    let soon = Utc::now() + TimeDelta::hours(1);
    price(&shop, &id("alpha"), 10, Some(soon)).await;
    assert_eq!(listed().await, ["echo", "zulu"]);
    shop.app.db.shift_clock(TimeDelta::hours(2));
    assert_eq!(listed().await, ["zulu", "echo"]);
    assert_eq!(shop.rows("list_due").await, 0);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_and_looks_leave_the_list_as_the_products_are() {
    let (shop, _, by_id) = filled().await;
    let (id, app) = (by_id.keys().next().unwrap(), &shop.app);
    let rename = |round: usize| UpdateProductRequest {
        product_id: id.clone(),
        product: Some(ProductDraft { title: format!("t{round:03}"), ..Default::default() }),
        update_mask: mask(&["title"]),
        ..Default::default()
    };
    let change = async {
        for round in 0..60 {
            update_product(app, rename(round)).await.unwrap();
        }
    };
    let look = async || {
        for _ in 0..60 {
            keep_list::round(app).await.unwrap();
        }
    };
    tokio::join!(change, look(), look());
    // Whoever found the other looking leaves the rest to it.
    keep_list::round(app).await.unwrap();
    let sql = "select count(*) as count from product_list where title_key = 't059'";
    assert_eq!(shop.count(sql).await, 1);
    shop.close().await;
}
