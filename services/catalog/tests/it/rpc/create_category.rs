use crate::shop::{Shop, category, field, uuid};
use catalog::rpc::create_category::create_category;
use catalog_api::v1::{CategoryCreated, CategoryDraft, CreateCategoryRequest, Reason};
use futures::future::join_all;

#[tokio::test]
async fn a_category_is_created_and_published() {
    let shop = Shop::open().await;
    let top = shop.category("phones", "").await;
    let below = shop.category("smart", &top.category_id).await;
    assert_eq!((below.parent_id.as_str(), below.version), (top.category_id.as_str(), 1));
    let event = shop.outbox().await.last().unwrap().read::<CategoryCreated>();
    assert_eq!(event.category, Some(below));

    let unnamed = CategoryDraft { name: String::new(), ..category("x", "") };
    let cases = [
        (category("phones", ""), "CATEGORY_KEY_TAKEN", "category.key"),
        (category(" Phones", ""), "CATEGORY_KEY_TAKEN", "category.key"),
        (category("  ", ""), "INVALID_FIELD", "category.key"),
        (category("x", &uuid()), "UNKNOWN_CATEGORY", "category.parent_id"),
        (category("", ""), "INVALID_FIELD", "category.key"),
        (unnamed, "INVALID_FIELD", "category.name"),
    ];
    for (draft, reason, path) in cases {
        let request = CreateCategoryRequest { category: Some(draft), ..Default::default() };
        let fault = create_category(&shop.app, request).await.unwrap_err();
        assert_eq!((fault.reason(), field(&fault)), (reason, path));
    }
    shop.close().await;
}

#[tokio::test]
async fn the_tree_has_twenty_levels() {
    let shop = Shop::open().await;
    let mut parent = String::new();
    for level in 1..=20 {
        parent = shop.category(&format!("level {level}"), &parent).await.category_id;
    }
    let fault = shop.try_category("level 21", &parent).await.unwrap_err();
    assert!(fault.is(Reason::CategoryTooDeep));
    shop.close().await;
}

#[tokio::test]
async fn of_concurrent_creations_with_one_key_one_succeeds() {
    let shop = Shop::open().await;
    let answers = join_all((0..10).map(|_| shop.try_category("phones", ""))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for fault in answers.into_iter().filter_map(Result::err) {
        assert!(fault.is(Reason::CategoryKeyTaken));
    }
    shop.close().await;
}
