//! Maintaining a catalogue: every kind of aggregate is created, read, changed and deleted, and every invalid request is refused
//! with its reason.

use catalog_api::v1::import_products_request::Part;
use catalog_api::v1::*;
use prost_types::FieldMask;
use testkit::{Mesh, reason};
use tonic::Status;

const UNKNOWN_ID: &str = "019ab000-0000-7000-8000-000000000000";

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, expected: &str) {
    assert_eq!(reason(&answer.unwrap_err()), expected);
}

fn mask(path: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![path.to_owned()] })
}

fn draft(title: &str) -> Option<ProductDraft> {
    Some(ProductDraft { title: title.to_owned(), ..Default::default() })
}

fn variant(sku: &str) -> VariantDraft {
    let color = Tier1Attributes { color: sku.to_owned(), ..Default::default() };
    VariantDraft { sku: sku.to_owned(), tier1_attributes: Some(color), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn brands_and_categories() {
    let mesh = Mesh::boot(&[catalog::ROLE, pricing::ROLE, warehouse::ROLE, search::ROLE]).await;
    let mut catalog = mesh.catalog();
    let named = |name: &str| CreateBrandRequest { name: name.to_owned(), ..Default::default() };
    let brand = catalog.create_brand(named("Acme")).await.unwrap().into_inner().brand.unwrap();
    refused(catalog.create_brand(named("ACME")).await, "BRAND_NAME_TAKEN");
    let got = GetBrandRequest { brand_id: brand.brand_id.clone() };
    assert_eq!(catalog.get_brand(got).await.unwrap().into_inner().brand.unwrap(), brand);
    refused(
        catalog.get_brand(GetBrandRequest { brand_id: UNKNOWN_ID.into() }).await,
        "BRAND_NOT_FOUND",
    );
    let listed = catalog.list_brands(ListBrandsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.brands, std::slice::from_ref(&brand));
    let forged = ListBrandsRequest { page_token: "forged".into(), ..Default::default() };
    refused(catalog.list_brands(forged).await, "PAGE_TOKEN_INVALID");
    let mut rename = UpdateBrandRequest {
        brand_id: brand.brand_id.clone(),
        name: "Zenith".into(),
        expected_version: Some(7),
        ..Default::default()
    };
    refused(catalog.update_brand(rename.clone()).await, "CONCURRENT_MODIFICATION");
    rename.expected_version = Some(1);
    assert_eq!(catalog.update_brand(rename).await.unwrap().into_inner().brand.unwrap().version, 2);

    let category = |key: &str, parent_id: &str| CreateCategoryRequest {
        category: Some(CategoryDraft {
            key: key.into(),
            name: key.into(),
            parent_id: parent_id.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let top =
        catalog.create_category(category("top", "")).await.unwrap().into_inner().category.unwrap();
    let leaf = catalog.create_category(category("leaf", &top.category_id)).await.unwrap();
    let leaf = leaf.into_inner().category.unwrap();
    refused(catalog.create_category(category("leaf", "")).await, "CATEGORY_KEY_TAKEN");
    refused(catalog.create_category(category("x", UNKNOWN_ID)).await, "UNKNOWN_CATEGORY");
    let mut lowest = leaf.category_id.clone();
    for level in 3..=20 {
        let created = catalog.create_category(category(&format!("l{level}"), &lowest)).await;
        lowest = created.unwrap().into_inner().category.unwrap().category_id;
    }
    refused(catalog.create_category(category("l21", &lowest)).await, "CATEGORY_TOO_DEEP");
    while lowest != leaf.category_id {
        let own = GetCategoryRequest { category_id: lowest.clone() };
        let above = catalog.get_category(own).await.unwrap().into_inner().category.unwrap();
        let delete = DeleteCategoryRequest { category_id: lowest, ..Default::default() };
        catalog.delete_category(delete).await.unwrap();
        lowest = above.parent_id;
    }
    let got = GetCategoryRequest { category_id: leaf.category_id.clone() };
    assert_eq!(catalog.get_category(got).await.unwrap().into_inner().category.unwrap(), leaf);
    let unknown = GetCategoryRequest { category_id: UNKNOWN_ID.into() };
    refused(catalog.get_category(unknown).await, "CATEGORY_NOT_FOUND");
    let children =
        ListCategoriesRequest { parent_id: top.category_id.clone(), ..Default::default() };
    let listed = catalog.list_categories(children).await.unwrap().into_inner();
    assert_eq!(listed.categories, std::slice::from_ref(&leaf));
    let forged = ListCategoriesRequest { page_token: "forged".into(), ..Default::default() };
    refused(catalog.list_categories(forged).await, "PAGE_TOKEN_INVALID");
    let update = |path: &str, draft: CategoryDraft| UpdateCategoryRequest {
        category_id: top.category_id.clone(),
        category: Some(draft),
        update_mask: mask(path),
        ..Default::default()
    };
    let below_itself = CategoryDraft { parent_id: leaf.category_id.clone(), ..Default::default() };
    refused(catalog.update_category(update("parent_id", below_itself)).await, "CATEGORY_CYCLE");
    refused(
        catalog.update_category(update("color", CategoryDraft::default())).await,
        "FIELD_MASK_INVALID",
    );
    let renamed = CategoryDraft { name: "Roof".into(), ..Default::default() };
    catalog.update_category(update("name", renamed)).await.unwrap();
    let delete = |id: &str| DeleteCategoryRequest { category_id: id.into(), ..Default::default() };
    refused(catalog.delete_category(delete(&top.category_id)).await, "REFERENCED");
    catalog.delete_category(delete(&leaf.category_id)).await.unwrap();
    refused(catalog.delete_category(delete(&leaf.category_id)).await, "CATEGORY_NOT_FOUND");

    let delete = DeleteBrandRequest { brand_id: brand.brand_id, ..Default::default() };
    catalog.delete_brand(delete.clone()).await.unwrap();
    refused(catalog.delete_brand(delete).await, "BRAND_NOT_FOUND");
    mesh.finish().await;
}

fn text(code: &str, value: &str) -> AttributeValue {
    let value = Some(attribute_value::Value::Text(value.to_owned()));
    AttributeValue { code: code.to_owned(), value }
}

#[tokio::test(flavor = "multi_thread")]
async fn products_and_variants() {
    let mesh = Mesh::boot(&[catalog::ROLE, pricing::ROLE, warehouse::ROLE, search::ROLE]).await;
    let mut catalog = mesh.catalog();
    let create = |title: &str, skus: &[&str]| CreateProductRequest {
        product: draft(title),
        variants: skus.iter().map(|sku| variant(sku)).collect(),
        ..Default::default()
    };
    let created =
        catalog.create_product(create("Chair", &["C-1", "C-2"])).await.unwrap().into_inner();
    let (product, variants) = (created.product.unwrap(), created.variants);
    refused(catalog.create_product(create("Chair", &["C-1"])).await, "SKU_TAKEN");
    let product_id = product.product_id.clone();
    let got = GetProductRequest { product_id: product_id.clone(), ..Default::default() };
    assert_eq!(catalog.get_product(got).await.unwrap().into_inner().product.unwrap(), product);
    refused(
        catalog
            .get_product(GetProductRequest { product_id: UNKNOWN_ID.into(), ..Default::default() })
            .await,
        "PRODUCT_NOT_FOUND",
    );
    let batch =
        BatchGetProductsRequest { product_ids: vec![UNKNOWN_ID.into(), product_id.clone()] };
    assert_eq!(
        catalog.batch_get_products(batch).await.unwrap().into_inner().products,
        std::slice::from_ref(&product)
    );
    refused(catalog.batch_get_products(BatchGetProductsRequest::default()).await, "INVALID_FIELD");
    let listed = catalog.list_products(ListProductsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.products, [product]);
    let forged = ListProductsRequest { page_token: "forged".into(), ..Default::default() };
    refused(catalog.list_products(forged).await, "PAGE_TOKEN_INVALID");
    let with = |sku: &str, change: fn(&mut ProductDraft)| {
        let mut request = create("Table", &[sku]);
        request.product.iter_mut().for_each(change);
        request
    };
    let keyed = |sku: &str| with(sku, |draft| draft.key = "table".into());
    catalog.create_product(keyed("T-1")).await.unwrap();
    refused(catalog.create_product(keyed("T-2")).await, "PRODUCT_KEY_TAKEN");
    let branded = with("T-2", |draft| draft.brand_id = UNKNOWN_ID.into());
    refused(catalog.create_product(branded).await, "UNKNOWN_BRAND");
    let described = with("T-2", |draft| draft.tier2_attributes = vec![text("finish", "oiled")]);
    refused(catalog.create_product(described).await, "UNKNOWN_ATTRIBUTE");
    let update = UpdateProductRequest {
        product_id: product_id.clone(),
        product: draft("Armchair"),
        update_mask: mask("title"),
        ..Default::default()
    };
    catalog.update_product(update.clone()).await.unwrap();
    let unknown = UpdateProductRequest { update_mask: mask("price"), ..update };
    refused(catalog.update_product(unknown).await, "FIELD_MASK_INVALID");

    let add = |sku: &str| CreateVariantRequest {
        product_id: product_id.clone(),
        variant: Some(variant(sku)),
        ..Default::default()
    };
    let third = catalog.create_variant(add("C-3")).await.unwrap().into_inner().variant.unwrap();
    refused(catalog.create_variant(add("C-3")).await, "SKU_TAKEN");
    let by_sku =
        |sku: &str| GetVariantRequest { name: Some(get_variant_request::Name::Sku(sku.into())) };
    assert_eq!(
        catalog.get_variant(by_sku("C-3")).await.unwrap().into_inner().variant.unwrap(),
        third
    );
    refused(catalog.get_variant(by_sku("C-9")).await, "VARIANT_NOT_FOUND");
    let of = |id: &str| ListVariantsRequest { product_id: id.into(), ..Default::default() };
    assert_eq!(
        catalog.list_variants(of(&product_id)).await.unwrap().into_inner().variants.len(),
        3
    );
    refused(catalog.list_variants(of(UNKNOWN_ID)).await, "PRODUCT_NOT_FOUND");
    let recolor = |color: &str| UpdateVariantRequest {
        variant_id: third.variant_id.clone(),
        variant: Some(variant(color)),
        update_mask: mask("tier1_attributes"),
        ..Default::default()
    };
    catalog.update_variant(recolor("mauve")).await.unwrap();
    refused(catalog.update_variant(recolor("C-1")).await, "OPTIONS_TAKEN");
    let delete = |id: &str| DeleteVariantRequest { variant_id: id.into(), ..Default::default() };
    catalog.delete_variant(delete(&third.variant_id)).await.unwrap();
    catalog.delete_variant(delete(&variants[0].variant_id)).await.unwrap();
    refused(catalog.delete_variant(delete(&variants[1].variant_id)).await, "LAST_VARIANT");

    let resolve = ResolveItemsRequest {
        skus: vec!["C-2".into(), "C-3".into(), "C-9".into()],
        product_ids: vec![product_id.clone()],
    };
    let resolved = catalog.resolve_items(resolve).await.unwrap().into_inner().items;
    let states: Vec<ItemState> = resolved.iter().map(ResolvedItem::state).collect();
    assert_eq!(states, [ItemState::Live, ItemState::Deleted, ItemState::Unknown, ItemState::Live]);
    let nonsense = ResolveItemsRequest { product_ids: vec!["x".into()], ..Default::default() };
    refused(catalog.resolve_items(nonsense).await, "INVALID_FIELD");
    let delete = DeleteProductRequest { product_id, ..Default::default() };
    assert_eq!(catalog.delete_product(delete.clone()).await.unwrap().into_inner().variants, 1);
    refused(catalog.delete_product(delete).await, "PRODUCT_NOT_FOUND");
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_and_imports() {
    let mesh = Mesh::boot(&[catalog::ROLE, pricing::ROLE, warehouse::ROLE, search::ROLE]).await;
    let mut catalog = mesh.catalog();
    let define = |unit: &str| DefineAttributeRequest {
        attribute: Some(AttributeDraft {
            code: "width".into(),
            name: "Width".into(),
            r#type: AttributeType::Measurement.into(),
            unit: unit.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let defined =
        catalog.define_attribute(define("cm")).await.unwrap().into_inner().attribute.unwrap();
    refused(catalog.define_attribute(define("")).await, "ATTRIBUTE_DEFINITION_INVALID");
    let listed =
        catalog.list_attributes(ListAttributesRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.attributes, [defined]);
    let forged = ListAttributesRequest { page_token: "forged".into(), ..Default::default() };
    refused(catalog.list_attributes(forged).await, "PAGE_TOKEN_INVALID");

    let finish = |r#type: AttributeType| DefineAttributeRequest {
        attribute: Some(AttributeDraft {
            code: "finish".into(),
            name: "Finish".into(),
            r#type: r#type.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    catalog.define_attribute(finish(AttributeType::Text)).await.unwrap();
    let finished = |sku: &str, values: &[&str]| CreateProductRequest {
        product: Some(ProductDraft {
            title: "Shelf".into(),
            tier2_attributes: values.iter().map(|value| text("finish", value)).collect(),
            ..Default::default()
        }),
        variants: vec![variant(sku)],
        ..Default::default()
    };
    refused(
        catalog.create_product(finished("F-1", &["oiled", "waxed"])).await,
        "ATTRIBUTE_VALUE_INVALID",
    );
    catalog.create_product(finished("F-1", &["waxed"])).await.unwrap();
    let mut only_oiled = finish(AttributeType::Enum);
    if let Some(own) = &mut only_oiled.attribute {
        own.allowed_values = vec!["oiled".into()];
    }
    refused(catalog.define_attribute(only_oiled.clone()).await, "ATTRIBUTE_IN_USE");
    let rename = RenameAttributeValueRequest {
        code: "finish".into(),
        r#type: AttributeType::Text.into(),
        from: "waxed".into(),
        to: "oiled".into(),
        ..Default::default()
    };
    let renamed = catalog.rename_attribute_value(rename.clone()).await.unwrap().into_inner();
    assert_eq!((renamed.changed, renamed.remaining), (1, 0));
    refused(catalog.rename_attribute_value(rename).await, "ATTRIBUTE_VALUE_INVALID");
    catalog.define_attribute(only_oiled).await.unwrap();
    let delete = DeleteAttributeRequest {
        code: "finish".into(),
        r#type: AttributeType::Enum.into(),
        ..Default::default()
    };
    refused(catalog.delete_attribute(delete.clone()).await, "REFERENCED");
    let delete = DeleteAttributeRequest { remove_values: true, ..delete };
    let deleted = catalog.delete_attribute(delete.clone()).await.unwrap().into_inner();
    assert_eq!((deleted.changed, deleted.remaining), (1, 0));
    refused(catalog.delete_attribute(delete).await, "UNKNOWN_ATTRIBUTE");

    let row = |key: &str, sku: &str| ImportRow {
        key: key.into(),
        title: key.into(),
        variants: vec![variant(sku)],
        ..Default::default()
    };
    let start = |on_error: ImportErrorPolicy| {
        Part::Start(ImportStart {
            import_id: uuid::Uuid::now_v7().to_string(),
            on_error: on_error.into(),
            ..Default::default()
        })
    };
    let chunk = |sequence: i64, rows: Vec<ImportRow>| Part::Chunk(ImportChunk { sequence, rows });
    let rows = vec![row("stool", "S-1"), row("", "S-2"), row("bench", "S-1")];
    let parts = [start(ImportErrorPolicy::Skip), chunk(1, rows.clone())];
    let answers = import(&mesh, parts.to_vec()).await.unwrap();
    assert_eq!((answers[0].created, answers[0].refused), (1, 2));
    let reasons: Vec<&str> =
        answers[0].refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
    assert_eq!(reasons, ["INVALID_FIELD", "SKU_TAKEN"]);

    let stop =
        vec![start(ImportErrorPolicy::Stop), chunk(1, vec![row("new", "S-9"), rows[1].clone()])];
    refused(import(&mesh, stop).await, "IMPORT_STOPPED");
    refused(import(&mesh, vec![chunk(1, rows.clone())]).await, "IMPORT_NOT_STARTED");
    let twice = vec![start(ImportErrorPolicy::Skip), start(ImportErrorPolicy::Skip)];
    refused(import(&mesh, twice).await, "IMPORT_STARTED_TWICE");
    let started = start(ImportErrorPolicy::Skip);
    import(&mesh, vec![started.clone()]).await.unwrap();
    let Part::Start(mut changed) = started else { panic!("no start") };
    changed.on_error = ImportErrorPolicy::Stop.into();
    refused(import(&mesh, vec![Part::Start(changed)]).await, "IMPORT_CHANGED");
    let gap = vec![start(ImportErrorPolicy::Skip), chunk(2, rows)];
    refused(import(&mesh, gap).await, "IMPORT_SEQUENCE_GAP");
    mesh.finish().await;
}

async fn import(mesh: &Mesh, parts: Vec<Part>) -> Result<Vec<ImportChunkResult>, Status> {
    let parts = parts.into_iter().map(|part| ImportProductsRequest { part: Some(part) });
    let parts = tokio_stream::iter(parts.collect::<Vec<_>>());
    let mut answers = mesh.catalog().import_products(parts).await?.into_inner();
    let mut results = Vec::new();
    while let Some(answer) = answers.message().await? {
        if let Some(import_products_response::Part::Chunk(result)) = answer.part {
            results.push(result);
        }
    }
    Ok(results)
}
