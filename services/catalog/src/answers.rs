//! Kept answers: what product pages and lists depend on, and what ends them.

use crate::App;
use crate::domain::product::Product;
use catalog_api::v1 as proto;
use contracts::{Event, Fact};
use kernel::id::Id;
use pg::Tx;
use prost::Message;
use std::fmt::Display;

/// What all lists depend on.
pub const LIST: &str = "list";

/// What the page of a product depends on.
pub fn page(id: impl Display) -> String {
    format!("product:{id}")
}

/// Ends what these committed events of the catalogue change.
pub async fn follow(app: App, facts: Vec<Fact>) {
    let topics: Vec<String> = facts.iter().flat_map(topics).collect();
    if !topics.is_empty() {
        app.list_due.notify_one();
        app.cached.ended(topics).await;
    }
}

fn topics(fact: &Fact) -> Vec<String> {
    let of_variant = |variant: Option<proto::Variant>| page(variant.unwrap_or_default().product_id);
    let payload = &*fact.payload;
    match fact.subject {
        proto::ProductCreated::SUBJECT
        | proto::ProductUpdated::SUBJECT
        | proto::ProductDeleted::SUBJECT => vec![page(&fact.key), LIST.to_owned()],
        proto::VariantCreated::SUBJECT => {
            let event = proto::VariantCreated::decode(payload).unwrap_or_default();
            vec![of_variant(event.variant)]
        }
        proto::VariantUpdated::SUBJECT => {
            let event = proto::VariantUpdated::decode(payload).unwrap_or_default();
            vec![of_variant(event.variant)]
        }
        proto::VariantDeleted::SUBJECT => {
            let event = proto::VariantDeleted::decode(payload).unwrap_or_default();
            vec![page(event.product_id)]
        }
        proto::StockStatusChanged::SUBJECT => vec![page(&fact.key)],
        // A category may have another threshold, and with it all products below.
        proto::CategoryUpdated::SUBJECT => vec!["all".to_owned()],
        _ => Vec::new(),
    }
}

/// Ends the pages of these products once the transaction is committed. The list follows by jobs/keep_list.
pub fn end_pages(app: &App, tx: &mut Tx, ids: impl Iterator<Item = Id<Product>>) {
    let (cached, topics) = (app.cached.clone(), ids.map(page).collect());
    tx.after_commit(async move { cached.ended(topics).await });
}

/// Lists show these products as they are now. Their pages are ended once more: who changed them may have died before he said so.
pub async fn lists_changed(app: &App, ids: impl Iterator<Item = Id<Product>>) {
    let topics = ids.map(page).chain([LIST.to_owned()]);
    app.cached.ended(topics.collect()).await;
}
