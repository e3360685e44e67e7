use crate::shop::{Shop, attribute, create, json, keyed, mask, text, value, variant};
use catalog::rpc::create_product::create_product;
use catalog::rpc::delete_product::delete_product;
use catalog::rpc::list_versions::list_versions;
use catalog::rpc::update_product::update_product;
use contracts::catalog::v1::attribute_value::Value;
use contracts::catalog::v1::{
    AggregateType, AggregateVersion, AttributeConfigChanged, AttributeDraft, AttributeRules,
    AttributeType, BrandCreated, CategoryCreated, DeleteProductRequest, ListVersionsRequest,
    ProductCreated, ProductDraft, ProductUpdated, UpdateProductRequest, VariantCreated,
    VariantDraft,
};
use contracts::types::v1::Money;
use fault::Common;
use kernel::digest::sha256;
use prost::Message;

async fn versions(shop: &Shop, kind: AggregateType) -> Vec<AggregateVersion> {
    let request = ListVersionsRequest { r#type: kind.into(), ..Default::default() };
    list_versions(&shop.app, request).await.unwrap().versions
}

fn digest<M: Message>(message: Option<M>) -> Vec<u8> {
    sha256(&message.unwrap().encode_to_vec()).to_vec()
}

/// Numbers that are easily lost on the way through JSON and columns.
const NUMBERS: [f64; 8] =
    [-0.0, 0.1 + 0.2, 1e300, 5e-324, -1.0 / 3.0, 9_007_199_254_740_993.0, 123_456.789e-7, 1.0];

#[tokio::test]
async fn a_digest_is_that_of_what_the_last_event_carried() {
    let shop = Shop::open().await;
    shop.category("c", "").await;
    shop.brand("Acme").await;
    let rules = AttributeRules { min: Some(0.1), max: Some(1e3), pattern: "(?s)a.*".into() };
    shop.define(AttributeDraft { rules: Some(rules), ..attribute("text", AttributeType::Text) })
        .await
        .unwrap();
    for (at, number) in NUMBERS.into_iter().enumerate() {
        for (code, kind) in [("number", AttributeType::Number), ("json", AttributeType::Json)] {
            shop.define(attribute(&format!("{code}_{at}"), kind)).await.unwrap();
        }
        shop.define(attribute(&format!("number_{at}"), AttributeType::Money)).await.unwrap();
        let money = Money { currency_code: "KWD".into(), minor_units: i64::MIN + 1 };
        let values = vec![
            value(&format!("json_{at}"), Value::Json(json("deep", number))),
            value(&format!("number_{at}"), Value::Money(money)),
            value(&format!("number_{at}"), Value::Number(number)),
            text("text", "a\u{1f600}\n\"\\"),
        ];
        let draft = ProductDraft {
            tier2_attributes: values.clone(),
            specifications: Some(json("x", number)),
            marketing_content: Some(json("", -number)),
            ..keyed(&format!("k{at}"))
        };
        let mut request = create(draft, &[]);
        let sku = format!("A-{at}");
        request.variants = vec![VariantDraft { tier2_attributes: values, ..variant(&sku, "red") }];
        create_product(&shop.app, request).await.unwrap();
    }
    let said = shop.said().await;
    let of = |subject: &'static str| said.iter().filter(move |said| said.subject == subject);
    let products =
        of("catalog.product.created").map(|said| digest(said.read::<ProductCreated>().product));
    let variants =
        of("catalog.variant.created").map(|said| digest(said.read::<VariantCreated>().variant));
    let categories =
        of("catalog.category.created").map(|said| digest(said.read::<CategoryCreated>().category));
    let brands = of("catalog.brand.created").map(|said| digest(said.read::<BrandCreated>().brand));
    let attributes = of("catalog.attribute.config_changed")
        .map(|said| digest(said.read::<AttributeConfigChanged>().attribute));
    let expected: [(AggregateType, Vec<_>); 5] = [
        (AggregateType::Product, products.collect()),
        (AggregateType::Variant, variants.collect()),
        (AggregateType::Category, categories.collect()),
        (AggregateType::Brand, brands.collect()),
        (AggregateType::Attribute, attributes.take(20).collect()),
    ];
    for (kind, digests) in expected {
        let listed = versions(&shop, kind).await;
        assert!(!digests.is_empty());
        assert_eq!(listed.len(), digests.len(), "{kind:?}");
        for (at, (listed, digest)) in listed.into_iter().zip(digests).enumerate() {
            assert!(!listed.deleted && listed.version == 1);
            assert_eq!(listed.digest, digest, "{kind:?} {at}");
        }
    }
    shop.close().await;
}

#[tokio::test]
async fn changes_and_deletions_are_listed_page_by_page() {
    let shop = Shop::open().await;
    let first = shop.product(&["A-1"]).await.product.unwrap().product_id;
    let second = shop.product(&["A-2"]).await.product.unwrap().product_id;
    let update = UpdateProductRequest {
        product_id: first.clone(),
        product: Some(ProductDraft { title: "New".into(), ..Default::default() }),
        update_mask: mask(&["title"]),
        ..Default::default()
    };
    update_product(&shop.app, update).await.unwrap();
    let event = shop.said().await.last().unwrap().read::<ProductUpdated>();
    let delete = DeleteProductRequest { product_id: second.clone(), ..Default::default() };
    delete_product(&shop.app, delete).await.unwrap();

    let request = ListVersionsRequest {
        r#type: AggregateType::Product.into(),
        page_size: 1,
        ..Default::default()
    };
    let page = list_versions(&shop.app, request.clone()).await.unwrap();
    let digest = digest(event.product);
    let changed = AggregateVersion { id: first, version: 2, deleted: false, digest };
    assert_eq!(page.versions, [changed]);
    let next = ListVersionsRequest { page_token: page.next_page_token, ..request };
    let page = list_versions(&shop.app, next.clone()).await.unwrap();
    let gone = AggregateVersion { id: second, version: 2, deleted: true, digest: Vec::new() };
    assert_eq!((page.versions, page.next_page_token.as_str()), (vec![gone], ""));
    let other_type = ListVersionsRequest { r#type: AggregateType::Brand.into(), ..next.clone() };
    let other_start = ListVersionsRequest { start_after: crate::shop::uuid(), ..next };
    for other in [other_type, other_start] {
        let fault = list_versions(&shop.app, other).await.unwrap_err();
        assert!(fault.is(Common::PageTokenInvalid));
    }
    shop.close().await;
}

#[tokio::test]
async fn a_list_begins_after_any_id() {
    let shop = Shop::open().await;
    let mut ids = Vec::new();
    for sku in ["A-1", "A-2", "A-3", "A-4"] {
        ids.push(shop.product(&[sku]).await.product.unwrap().product_id);
    }
    let kind = AggregateType::Product.into();
    let start = |id: &str, page_token: &str| ListVersionsRequest {
        r#type: kind,
        page_size: 2,
        start_after: id.to_owned(),
        page_token: page_token.to_owned(),
    };
    let page = async |id: &str, page_token: &str| {
        let page = list_versions(&shop.app, start(id, page_token)).await.unwrap();
        let ids: Vec<String> = page.versions.into_iter().map(|version| version.id).collect();
        (ids, page.next_page_token)
    };
    let (first, token) = page(&ids[0], "").await;
    assert_eq!(first, ids[1..3]);
    assert_eq!(page(&ids[0], &token).await, (ids[3..].to_vec(), String::new()));
    // There need be no such aggregate.
    let nobody = uuid::Uuid::from_u128(ids[2].parse::<uuid::Uuid>().unwrap().as_u128() - 1);
    assert_eq!(page(&nobody.to_string(), "").await.0, ids[2..]);
    shop.close().await;
}
