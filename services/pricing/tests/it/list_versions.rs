use crate::shop::{Shop, dated, draft, product, sku};
use contracts::pricing::v1::{DeletePriceRequest, ListVersionsRequest, PriceUpdated};
use kernel::digest::sha256;
use pricing::rpc::delete_price::delete_price;
use pricing::rpc::list_versions::list_versions;
use prost::Message;
use std::collections::BTreeMap;

#[tokio::test]
async fn the_digest_is_that_of_the_price_in_its_last_event() {
    let shop = Shop::open().await;
    shop.set_one(draft(product(), 100)).await;
    let mut full = dated(sku("A-1"), 100, 10, 20);
    full.sale = Some(90);
    full.key.scope.customer = Some("C1".into());
    full.key.scope.country = Some("DE".into());
    shop.set_one(full.clone()).await;
    full.sale = None;
    shop.set_one(full).await;
    let (_, gone) = shop.set_one(draft(sku("A-2"), 100)).await;
    let request = DeletePriceRequest { price_id: gone.id.to_string(), ..Default::default() };
    delete_price(&shop.app, request).await.unwrap();

    let mut told = BTreeMap::new();
    for event in shop.said().await {
        // Whatever the outbox holds is what went out: the price is a field of the event's bytes.
        let digest = match event.subject.as_str() {
            "pricing.price.updated" => {
                let event = PriceUpdated::decode(event.payload.as_slice()).unwrap();
                sha256(&event.price.unwrap().encode_to_vec()).to_vec()
            }
            _ => Vec::new(),
        };
        told.insert(event.key, (event.version, digest.is_empty(), digest));
    }

    let mut listed = Vec::new();
    let mut request = ListVersionsRequest { page_size: 2, ..Default::default() };
    loop {
        let page = list_versions(&shop.app, request.clone()).await.unwrap();
        assert!(page.versions.len() <= 2);
        listed.extend(
            page.versions.into_iter().map(|v| (v.price_id, (v.version, v.deleted, v.digest))),
        );
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(listed, Vec::from_iter(told));
    shop.close().await;
}
