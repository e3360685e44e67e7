//! Creates what products refer to: categories, brands and attribute definitions. Existing categories and brands are left unchanged.

use super::Tally;
use super::caller::{Caller, call};
use super::retry;
use crate::seed::Category;
use anyhow::{Context, Result, anyhow};
use catalog_api::v1::{
    AttributeDraft, CategoryDraft, CreateBrandRequest, CreateCategoryRequest,
    DefineAttributeRequest, ListAttributesRequest, ListBrandsRequest, ListCategoriesRequest,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use tonic::{Response, Status};
use uuid::Uuid;

const PAGE_SIZE: i32 = 500;

/// Creates categories, parents first, whose keys do not exist yet.
pub async fn categories(caller: &Caller, wanted: &[Category]) -> Result<Tally> {
    let mut ids: HashMap<String, String> = HashMap::new();
    let mut page_token = String::new();
    loop {
        let request =
            ListCategoriesRequest { page_size: PAGE_SIZE, page_token, parent_id: String::new() };
        let list = async || caller.catalog.clone().list_categories(call(request.clone())).await;
        let page = with_retries("list categories", list).await?;
        ids.extend(page.categories.into_iter().map(|own| (own.key, own.category_id)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
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

/// Creates brands whose names do not exist yet, ignoring case.
pub async fn brands(caller: &Caller, wanted: &[&str]) -> Result<Tally> {
    let mut known: HashSet<String> = HashSet::new();
    let mut page_token = String::new();
    loop {
        let request = ListBrandsRequest { page_size: PAGE_SIZE, page_token };
        let list = async || caller.catalog.clone().list_brands(call(request.clone())).await;
        let page = with_retries("list brands", list).await?;
        known.extend(page.brands.into_iter().map(|own| own.name.to_lowercase()));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut tally = Tally::default();
    for name in wanted {
        if known.contains(&name.to_lowercase()) {
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
    let mut known: BTreeMap<(String, i32), AttributeDraft> = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = ListAttributesRequest { page_size: PAGE_SIZE, page_token };
        let list = async || caller.catalog.clone().list_attributes(call(request.clone())).await;
        let page = with_retries("list attributes", list).await?;
        let definitions = page.attributes.into_iter().filter_map(|own| own.definition);
        known.extend(definitions.map(|own| ((own.code.clone(), own.r#type), own)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
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
            expected_version: None,
            request_id: request_id(),
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

/// Like [`retry::with_retries`], with `doing` in the error message.
pub async fn with_retries<T>(
    doing: &str,
    attempt: impl AsyncFnMut() -> Result<Response<T>, Status>,
) -> Result<T> {
    retry::with_retries(attempt).await.map_err(|fault| anyhow!("{doing}: {fault}"))
}
