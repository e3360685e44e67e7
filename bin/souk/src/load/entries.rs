//! Creates what products refer to: categories, brands and attribute definitions. Existing categories and brands are left unchanged.

use super::Tally;
use super::caller::{Caller, call};
use super::pages::{PAGE_SIZE, all_pages, with_retries};
use crate::export::stock::codes;
use crate::seed;
use anyhow::{Context, Result};
use catalog_api::v1::{
    AttributeDraft, Brand, Category, CategoryDraft, CreateBrandRequest, CreateCategoryRequest,
    DefineAttributeRequest, ListAttributesRequest, ListBrandsRequest, ListCategoriesRequest,
};
use kernel::name::fold;
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;
use warehouse_api::v1::{CreateWarehouseRequest, WarehouseDraft};

/// Creates categories, parents first, whose keys do not exist yet.
pub async fn categories(caller: &Caller, wanted: &[seed::Category]) -> Result<Tally> {
    let known = all_categories(caller).await?.into_iter();
    let mut ids: HashMap<String, String> = known.map(|own| (own.key, own.category_id)).collect();
    let mut tally = Tally::default();
    for own in wanted {
        if ids.contains_key(own.key) {
            tally.unchanged += 1;
            continue;
        }
        let parent =
            own.parent.map(|key| ids.get(key).context("a category stands before its parent"));
        let draft = CategoryDraft {
            key: own.key.to_owned(),
            name: own.name.to_owned(),
            parent_id: parent.transpose()?.cloned().unwrap_or_default(),
            ..CategoryDraft::default()
        };
        let request = CreateCategoryRequest { category: Some(draft), request_id: request_id() };
        let create = async || caller.catalog.clone().create_category(call(request.clone())).await;
        let created = with_retries("create a category", create).await?;
        let id = created.category.context("a created category is not answered")?.category_id;
        ids.insert(own.key.to_owned(), id);
        tally.created += 1;
    }
    Ok(tally)
}

/// Creates warehouses whose codes do not exist yet. Returns the ids of all by their codes.
pub async fn warehouses(
    caller: &Caller,
    wanted: &[WarehouseDraft],
) -> Result<(Tally, HashMap<String, String>)> {
    let known = codes(caller).await?.into_iter();
    let mut ids: HashMap<String, String> = known.map(|(id, code)| (code, id)).collect();
    let mut tally = Tally::default();
    for own in wanted {
        if ids.contains_key(&own.code) {
            tally.unchanged += 1;
            continue;
        }
        let request =
            CreateWarehouseRequest { warehouse: Some(own.clone()), request_id: request_id() };
        let create =
            async || caller.warehouse.clone().create_warehouse(call(request.clone())).await;
        let created = with_retries("create a warehouse", create).await?;
        let id = created.warehouse.context("a created warehouse is not answered")?.warehouse_id;
        ids.insert(own.code.clone(), id);
        tally.created += 1;
    }
    Ok((tally, ids))
}

/// Creates brands whose names do not exist yet.
pub async fn brands(caller: &Caller, wanted: &[&str]) -> Result<Tally> {
    let known = all_brands(caller).await?.into_iter();
    let known: HashSet<String> = known.map(|own| fold(&own.name)).collect();
    let mut tally = Tally::default();
    for name in wanted {
        if known.contains(&fold(name)) {
            tally.unchanged += 1;
            continue;
        }
        let request = CreateBrandRequest { name: (*name).to_owned(), request_id: request_id() };
        let create = async || caller.catalog.clone().create_brand(call(request.clone())).await;
        with_retries("create a brand", create).await?;
        tally.created += 1;
    }
    Ok(tally)
}

/// Defines attributes; an existing definition of the same code and type is changed if it differs.
pub async fn attributes(caller: &Caller, wanted: &[AttributeDraft]) -> Result<Tally> {
    let all = all_pages(async |page_token| {
        let request = ListAttributesRequest { page_size: PAGE_SIZE, page_token };
        let list = async || caller.catalog.clone().list_attributes(call(request.clone())).await;
        let page = with_retries("list attributes", list).await?;
        Ok((page.attributes, page.next_page_token))
    });
    let definitions = all.await?.into_iter().filter_map(|own| own.definition);
    let known: BTreeMap<(String, i32), AttributeDraft> =
        definitions.map(|own| ((own.code.clone(), own.r#type), own)).collect();
    let mut tally = Tally::default();
    for draft in wanted {
        match known.get(&(draft.code.clone(), draft.r#type)) {
            Some(known) if same(known, draft) => {
                tally.unchanged += 1;
                continue;
            }
            Some(_) => tally.updated += 1,
            None => tally.created += 1,
        }
        let request = DefineAttributeRequest {
            attribute: Some(draft.clone()),
            request_id: request_id(),
            ..DefineAttributeRequest::default()
        };
        let define = async || caller.catalog.clone().define_attribute(call(request.clone())).await;
        with_retries("define an attribute", define).await?;
    }
    Ok(tally)
}

/// Compares definitions; absent rules equal empty ones.
fn same(known: &AttributeDraft, wanted: &AttributeDraft) -> bool {
    let plain = |draft: &AttributeDraft| {
        let rules = Some(draft.rules.clone().unwrap_or_default());
        AttributeDraft { rules, ..draft.clone() }
    };
    plain(known) == plain(wanted)
}

fn request_id() -> String {
    Uuid::now_v7().to_string()
}

/// All categories.
pub async fn all_categories(caller: &Caller) -> Result<Vec<Category>> {
    all_pages(async |page_token| {
        let request =
            ListCategoriesRequest { page_size: PAGE_SIZE, page_token, parent_id: String::new() };
        let list = async || caller.catalog.clone().list_categories(call(request.clone())).await;
        let page = with_retries("list categories", list).await?;
        Ok((page.categories, page.next_page_token))
    })
    .await
}

/// All brands.
pub async fn all_brands(caller: &Caller) -> Result<Vec<Brand>> {
    all_pages(async |page_token| {
        let request = ListBrandsRequest { page_size: PAGE_SIZE, page_token };
        let list = async || caller.catalog.clone().list_brands(call(request.clone())).await;
        let page = with_retries("list brands", list).await?;
        Ok((page.brands, page.next_page_token))
    })
    .await
}
