//! What many documents share: brand names, the category tree, attribute definitions.

use crate::shop::{ALL, create, in_usd, search, titled, until, variant};
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{
    AttributeDraft, AttributeType, AttributeValue, Brand, Category, CategoryDraft,
    CreateBrandRequest, CreateCategoryRequest, DefineAttributeRequest, DeleteBrandRequest,
    DeleteCategoryRequest, ProductDraft, UpdateBrandRequest, UpdateCategoryRequest,
};
use prost_types::FieldMask;
use search_api::v1::attribute_term::Value as Term;
use search_api::v1::facet_request::Facet;
use search_api::v1::{
    AttributeFilter, AttributeTerm, FacetRequest, Filters, NumberRange, SearchProductsRequest,
};
use testkit::{Mesh, eventually};

async fn brand(mesh: &Mesh, name: &str) -> Brand {
    let request = CreateBrandRequest { name: name.into(), ..Default::default() };
    mesh.catalog().create_brand(request).await.unwrap().into_inner().brand.unwrap()
}

async fn category(mesh: &Mesh, key: &str, parent_id: &str) -> Category {
    let draft = CategoryDraft {
        key: key.into(),
        name: key.into(),
        parent_id: parent_id.into(),
        ..Default::default()
    };
    let request = CreateCategoryRequest { category: Some(draft), ..Default::default() };
    mesh.catalog().create_category(request).await.unwrap().into_inner().category.unwrap()
}

fn below(category: &Category) -> SearchProductsRequest {
    let category_ids = vec![category.category_id.clone()];
    let filters = Filters { category_ids, ..Default::default() };
    SearchProductsRequest { filters: Some(filters), ..in_usd("") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_brand_is_found_by_its_new_name() {
    let mesh = Mesh::boot(&ALL).await;
    let acme = brand(&mesh, "Acme").await;
    let unused = brand(&mesh, "Unused").await;
    let draft = ProductDraft { brand_id: acme.brand_id.clone(), ..titled("Anvil") };
    create(&mesh, draft, vec![variant("ANVIL", "", "")]).await;
    until(&mesh, "by its brand", in_usd("acme"), |answer| answer.total == 1).await;
    let rename = UpdateBrandRequest {
        brand_id: acme.brand_id.clone(),
        name: "Zenith".into(),
        ..Default::default()
    };
    mesh.catalog().update_brand(rename).await.unwrap();
    until(&mesh, "by its new name", in_usd("zenith"), |answer| {
        answer.products.first().is_some_and(|product| product.brand == "Zenith")
    })
    .await;
    let facet = FacetRequest { facet: Some(Facet::Brand(true)), size: 0 };
    let counted = search(&mesh, SearchProductsRequest { facets: vec![facet], ..in_usd("") }).await;
    assert_eq!(counted.facets[0].values[0].name, "Zenith");
    let delete = DeleteBrandRequest { brand_id: unused.brand_id, ..Default::default() };
    mesh.catalog().delete_brand(delete).await.unwrap();
    mesh.finish().await;
}

/// A follower that read the brands before the rename and the documents after it would index the old name for good.
#[tokio::test(flavor = "multi_thread")]
async fn no_rename_falls_between_two_reads_of_the_follower() {
    let mesh = Mesh::boot(&ALL).await;
    let acme = brand(&mesh, "Acme").await;
    let draft = ProductDraft { brand_id: acme.brand_id.clone(), ..titled("Anvil") };
    create(&mesh, draft, vec![variant("ANVIL", "", "")]).await;
    for round in 0..100 {
        let name = format!("Brand{round}");
        let rename = UpdateBrandRequest {
            brand_id: acme.brand_id.clone(),
            name: name.clone(),
            ..Default::default()
        };
        mesh.catalog().update_brand(rename).await.unwrap();
        until(&mesh, &name, in_usd(&name), |answer| answer.total == 1).await;
    }
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_category_takes_its_products_along() {
    let mesh = Mesh::boot(&ALL).await;
    let (house, garden) = (category(&mesh, "house", "").await, category(&mesh, "garden", "").await);
    let lamps = category(&mesh, "lamps", &house.category_id).await;
    let empty = category(&mesh, "empty", "").await;
    let draft = ProductDraft { category_ids: vec![lamps.category_id.clone()], ..titled("Lantern") };
    create(&mesh, draft, vec![variant("LANTERN", "", "")]).await;
    until(&mesh, "below the house", below(&house), |answer| answer.total == 1).await;

    let moved = UpdateCategoryRequest {
        category_id: lamps.category_id,
        category: Some(CategoryDraft {
            parent_id: garden.category_id.clone(),
            ..Default::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["parent_id".into()] }),
        ..Default::default()
    };
    mesh.catalog().update_category(moved).await.unwrap();
    until(&mesh, "below the garden", below(&garden), |answer| answer.total == 1).await;
    assert_eq!(search(&mesh, below(&house)).await.total, 0);
    let delete = DeleteCategoryRequest { category_id: empty.category_id, ..Default::default() };
    mesh.catalog().delete_category(delete).await.unwrap();
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_is_searchable_once_it_is_defined_as_filterable() {
    let mesh = Mesh::boot(&ALL).await;
    let draft = AttributeDraft {
        code: "wattage".into(),
        name: "Wattage".into(),
        r#type: AttributeType::Number.into(),
        filterable: true,
        ..Default::default()
    };
    let define = DefineAttributeRequest { attribute: Some(draft), ..Default::default() };
    mesh.catalog().define_attribute(define).await.unwrap();
    let value = AttributeValue { code: "wattage".into(), value: Some(Value::Number(60.0)) };
    let product = ProductDraft { tier2_attributes: vec![value], ..titled("Bulb") };
    create(&mesh, product, vec![variant("BULB", "", "")]).await;
    let with = |filter: AttributeFilter| SearchProductsRequest {
        filters: Some(Filters { attributes: vec![filter], ..Default::default() }),
        ..in_usd("bulb")
    };
    let exact = AttributeTerm { value: Some(Term::Number(60.0)) };
    let exact =
        AttributeFilter { code: "wattage".into(), values: vec![exact], ..Default::default() };
    let range = NumberRange { min: Some(50.0), max: Some(70.0) };
    let range =
        AttributeFilter { code: "wattage".into(), range: Some(range), ..Default::default() };
    for filter in [exact, range] {
        eventually("it is found by its wattage", async || {
            let answer = mesh.search().search_products(with(filter.clone())).await.ok()?;
            (answer.into_inner().total == 1).then_some(())
        })
        .await;
    }
    mesh.finish().await;
}
