use crate::shop::{Shop, category, mask, uuid};
use catalog::rpc::update_category::update_category;
use catalog_api::v1::{
    CategoryDraft, CategoryUpdated, ListCategoriesRequest, Reason, UpdateCategoryRequest,
};
use std::collections::HashMap;

fn request(id: &str, category: CategoryDraft, paths: &[&str]) -> UpdateCategoryRequest {
    UpdateCategoryRequest {
        category_id: id.into(),
        category: Some(category),
        update_mask: mask(paths),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_category_is_renamed_and_moved_with_its_subtree() {
    let shop = Shop::open().await;
    let (left, right) = (shop.category("l", "").await, shop.category("r", "").await);
    let child = shop.category("c", &left.category_id).await;
    shop.category("d", &child.category_id).await;
    let draft = CategoryDraft { name: "New".into(), ..category("", &right.category_id) };
    let request = request(&child.category_id, draft, &["name", "parent_id"]);
    let moved = update_category(&shop.app, request.clone()).await.unwrap().category.unwrap();
    assert_eq!((moved.key.as_str(), moved.name.as_str(), moved.version), ("c", "New", 2));
    assert_eq!(moved.parent_id, right.category_id);
    let event = shop.outbox().await.last().unwrap().read::<CategoryUpdated>();
    assert_eq!(
        (event.changed, event.category),
        (vec!["name".into(), "parent_id".into()], Some(moved))
    );
    let before = shop.all_rows().await;
    update_category(&shop.app, request).await.unwrap();
    assert_eq!(shop.all_rows().await, before);
    shop.close().await;
}

#[tokio::test]
async fn it_is_refused_for_each_of_its_reasons() {
    let shop = Shop::open().await;
    let top = shop.category("a", "").await;
    let (own, mut parent) = (top.category_id.as_str(), String::new());
    let below = shop.category("b", own).await;
    for level in 1..=19 {
        parent = shop.category(&format!("level {level}"), &parent).await.category_id;
    }
    let moved = |to: &str| request(own, category("", to), &["parent_id"]);
    let stale = UpdateCategoryRequest { expected_version: Some(2), ..moved("") };
    let cases = [
        (request(&uuid(), category("x", ""), &["key"]), "CATEGORY_NOT_FOUND"),
        (request(own, category("b", ""), &["key"]), "CATEGORY_KEY_TAKEN"),
        (request(own, category("", ""), &["key"]), "INVALID_FIELD"),
        (request(own, category("", ""), &["version"]), "FIELD_MASK_INVALID"),
        (moved(&uuid()), "UNKNOWN_CATEGORY"),
        (moved(own), "CATEGORY_CYCLE"),
        (moved(&below.category_id), "CATEGORY_CYCLE"),
        (moved(&parent), "CATEGORY_TOO_DEEP"),
        (stale, "CONCURRENT_MODIFICATION"),
    ];
    for (request, reason) in cases {
        let fault = update_category(&shop.app, request).await.unwrap_err();
        assert_eq!(fault.reason(), reason, "{fault}");
    }
    shop.close().await;
}

#[tokio::test]
async fn opposite_moves_never_make_a_cycle() {
    let shop = Shop::open().await;
    for round in 0..10 {
        let left = shop.category(&format!("l{round}"), "").await.category_id;
        let right = shop.category(&format!("r{round}"), "").await.category_id;
        let moved = |own: &str, to: &str| {
            update_category(&shop.app, request(own, category("", to), &["parent_id"]))
        };
        let (one, two) = tokio::join!(moved(&left, &right), moved(&right, &left));
        let refused: Vec<_> = [one, two].into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1);
        assert!(refused[0].is(Reason::CategoryCycle), "{}", refused[0]);
    }
    let all = ListCategoriesRequest { page_size: 500, ..Default::default() };
    let all = catalog::rpc::list_categories::list_categories(&shop.app, all).await.unwrap();
    let parents: HashMap<String, String> =
        all.categories.into_iter().map(|own| (own.category_id, own.parent_id)).collect();
    for start in parents.keys() {
        let path = std::iter::successors(Some(start), |own| parents.get(*own));
        assert!(path.take(50).count() < 50, "{start} is its own ancestor");
    }
    shop.close().await;
}
