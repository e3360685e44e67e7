use crate::shop::{Shop, attribute, create, product, text, uuid, variant};
use catalog::rpc::create_product::create_product;
use catalog::rpc::delete_attribute::delete_attribute;
use catalog::rpc::import_products::import_products;
use catalog::rpc::list_attributes::list_attributes;
use catalog_api::v1::import_products_request::Part;
use catalog_api::v1::{
    AttributeDeleted, AttributeType, DeleteAttributeRequest, ImportChunk, ImportErrorPolicy,
    ImportProductsRequest, ImportRow, ImportStart, ListAttributesRequest, ProductDraft,
    ProductUpdated, Reason,
};
use fault::Common;
use futures::{StreamExt, stream};

fn request(remove_values: bool) -> DeleteAttributeRequest {
    DeleteAttributeRequest {
        code: "processor".into(),
        r#type: AttributeType::Text.into(),
        remove_values,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_definition_is_deleted_with_its_values_only_if_the_caller_says_so() {
    let shop = Shop::open().await;
    shop.define(attribute("processor", AttributeType::Text)).await.unwrap();
    let draft = ProductDraft { tier2_attributes: vec![text("processor", "A19")], ..product() };
    create_product(&shop.app, create(draft.clone(), &["A-1"])).await.unwrap();

    let fault = delete_attribute(&shop.app, request(false)).await.unwrap_err();
    assert!(fault.is(Reason::Referenced), "{fault}");
    assert_eq!(fault.metadata()["owners"], "1");
    let stale = DeleteAttributeRequest { expected_version: Some(7), ..request(true) };
    let fault = delete_attribute(&shop.app, stale).await.unwrap_err();
    assert!(fault.is(Common::ConcurrentModification));
    let answer = delete_attribute(&shop.app, request(true)).await.unwrap();
    assert_eq!((answer.version, answer.changed, answer.remaining), (2, 1, 0));
    let events = shop.outbox().await;
    let [.., updated, deleted] = &events[..] else { panic!("two events") };
    assert_eq!(updated.read::<ProductUpdated>().product.unwrap().tier2_attributes, []);
    assert_eq!(deleted.read::<AttributeDeleted>().version, 2);

    let listed = list_attributes(&shop.app, ListAttributesRequest::default()).await.unwrap();
    assert_eq!(listed.attributes, []);
    let fault = delete_attribute(&shop.app, request(true)).await.unwrap_err();
    assert!(fault.is(Reason::UnknownAttribute));
    let fault = create_product(&shop.app, create(draft, &["A-2"])).await.unwrap_err();
    assert!(fault.is(Reason::UnknownAttribute));
    // The code is free again.
    let again = shop.define(attribute("processor", AttributeType::Text)).await.unwrap();
    assert_eq!(again.version, 1);
    shop.close().await;
}

#[tokio::test]
async fn more_values_than_one_call_removes_go_by_several_calls() {
    let shop = Shop::open().await;
    shop.define(attribute("processor", AttributeType::Text)).await.unwrap();
    let rows = |numbers: std::ops::Range<i32>| {
        let rows = numbers.map(|n| ImportRow {
            key: n.to_string(),
            title: "Phone".into(),
            tier2_attributes: vec![text("processor", "A19")],
            variants: vec![variant(&format!("A-{n}"), "red")],
            ..Default::default()
        });
        rows.collect::<Vec<_>>()
    };
    let start = ImportStart {
        import_id: uuid(),
        on_error: ImportErrorPolicy::Stop.into(),
        ..Default::default()
    };
    let chunks = [rows(0..1_000), rows(1_000..1_002)].into_iter().zip(1..);
    let chunks = chunks.map(|(rows, sequence)| Part::Chunk(ImportChunk { sequence, rows }));
    let sent = [Part::Start(start)].into_iter().chain(chunks);
    let sent: Vec<_> = sent.map(|part| Ok(ImportProductsRequest { part: Some(part) })).collect();
    let answers: Vec<_> = import_products(shop.app.clone(), stream::iter(sent)).collect().await;
    assert!(answers.iter().all(Result::is_ok));

    let first = delete_attribute(&shop.app, request(true)).await.unwrap();
    assert_eq!((first.version, first.changed, first.remaining), (0, 1_000, 2));
    let second = delete_attribute(&shop.app, request(true)).await.unwrap();
    assert_eq!((second.version, second.changed, second.remaining), (2, 2, 0));
    assert_eq!(shop.rows("product_attribute_values").await, 0);
    shop.close().await;
}

/// Products are created while the definition goes: none keeps a value of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_outlives_its_definition() {
    let shop = Shop::open().await;
    for round in 0..5 {
        shop.define(attribute("processor", AttributeType::Text)).await.unwrap();
        let creations = (0..12).map(|n| {
            let draft =
                ProductDraft { tier2_attributes: vec![text("processor", "A19")], ..product() };
            let (app, request) = (shop.app.clone(), create(draft, &[&format!("A-{round}-{n}")]));
            tokio::spawn(async move { create_product(&app, request).await })
        });
        let creations: Vec<_> = creations.collect();
        delete_attribute(&shop.app, request(true)).await.unwrap();
        for creation in creations {
            if let Err(fault) = creation.await.unwrap() {
                assert!(fault.is(Reason::UnknownAttribute), "{fault}");
            }
        }
        assert_eq!(shop.rows("product_attribute_values").await, 0);
    }
    shop.close().await;
}
