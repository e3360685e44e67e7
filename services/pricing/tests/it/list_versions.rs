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

#[tokio::test]
async fn a_list_begins_after_any_id_and_its_token_is_bound_to_that() {
    let shop = Shop::open().await;
    let mut ids = Vec::new();
    for item in ["A-1", "A-2", "A-3", "A-4"] {
        ids.push(shop.set_one(draft(sku(item), 100)).await.1.id.to_string());
    }
    let mut request =
        ListVersionsRequest { page_size: 2, start_after: ids[0].clone(), ..Default::default() };
    let page = list_versions(&shop.app, request.clone()).await.unwrap();
    let listed = |page: &contracts::pricing::v1::ListVersionsResponse| -> Vec<String> {
        page.versions.iter().map(|version| version.price_id.clone()).collect()
    };
    assert_eq!(listed(&page), ids[1..3]);
    request.page_token = page.next_page_token;
    let page = list_versions(&shop.app, request.clone()).await.unwrap();
    assert_eq!((listed(&page), page.next_page_token.as_str()), (ids[3..].to_vec(), ""));
    request.start_after = ids[1].clone();
    let fault = list_versions(&shop.app, request).await.unwrap_err();
    assert!(fault.is(fault::Common::PageTokenInvalid));
    shop.close().await;
}
