//! The gateway's own methods over gRPC.

use crate::shop::Shop;
use gateway_api::v1::gateway_service_client::GatewayServiceClient;
use gateway_api::v1::{GetProductViewRequest, ListProductViewsRequest, SearchProductViewsRequest};
use testkit::reason;

#[tokio::test(flavor = "multi_thread")]
async fn what_other_services_refuse_is_refused_with_their_reasons() {
    let shop = Shop::open().await;
    let mut gateway = GatewayServiceClient::new(shop.mesh.caller());
    let product_id = shop.product("Lamp", "LAMP-1").await;
    let view = |product_id: &str, currency_code: &str| GetProductViewRequest {
        product_id: product_id.to_owned(),
        currency_code: currency_code.to_owned(),
        ..GetProductViewRequest::default()
    };
    let shown = gateway.get_product_view(view(&product_id, "USD")).await.unwrap().into_inner();
    let shown = shown.product.unwrap();
    assert_eq!((&*shown.sku, &*shown.price, &*shown.currency), ("LAMP-1", "", ""));
    let missing = uuid::Uuid::now_v7().to_string();
    let refused = gateway.get_product_view(view(&missing, "")).await.unwrap_err();
    assert_eq!(reason(&refused), "PRODUCT_NOT_FOUND");
    let refused = gateway.get_product_view(view(&product_id, "XQZ")).await.unwrap_err();
    assert_eq!(reason(&refused), "UNKNOWN_CURRENCY");

    let page_token = "nonsense".to_owned();
    let list = ListProductViewsRequest { page_token: page_token.clone(), ..Default::default() };
    let refused = gateway.list_product_views(list).await.unwrap_err();
    assert_eq!(reason(&refused), "PAGE_TOKEN_INVALID");
    let list = gateway.list_product_views(ListProductViewsRequest::default()).await.unwrap();
    assert_eq!(list.get_ref().products.len(), 1);
    let search = SearchProductViewsRequest { page_token, ..Default::default() };
    let refused = gateway.search_product_views(search).await.unwrap_err();
    assert_eq!(reason(&refused), "PAGE_TOKEN_INVALID");
    gateway.search_product_views(SearchProductViewsRequest::default()).await.unwrap();
    shop.mesh.finish().await;
}
