//! Which prices a search shows, and for when.

use crate::shop::{ALL, create, in_usd, search, titled, until, usd, variant};
use chrono::{TimeDelta, Utc};
use pricing_api::v1::item::Name;
use pricing_api::v1::{
    BatchGetPricesRequest, Item, PriceContext, PriceDraft, PriceScope, SetPriceRequest,
};
use search_api::v1::{AppliedPriceView, PriceView, SearchProductsRequest};
use testkit::Mesh;

fn vase() -> Item {
    Item { name: Some(Name::Sku("VASE-1".to_owned())) }
}

async fn set(mesh: &Mesh, minor_units: i64, scope: PriceScope) {
    let (item, scope) = (Some(vase()), Some(scope));
    let price = PriceDraft { item, base: usd(minor_units), scope, ..Default::default() };
    let request = SetPriceRequest { price: Some(price), ..Default::default() };
    mesh.pricing().set_price(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_public_and_the_answer_names_their_scope() {
    let mesh = Mesh::boot(&ALL).await;
    create(&mesh, titled("Vase"), vec![variant("VASE-1", "", "")]).await;
    let of_group = |group: &str| PriceScope { customer_group: group.into(), ..Default::default() };
    set(&mesh, 700, of_group("vip")).await;
    let of_customer = PriceScope { customer_id: "C1".into(), ..Default::default() };
    set(&mesh, 600, of_customer).await;
    let of_warehouse = PriceScope {
        warehouse_id: "W1".into(),
        channel: "web shop".into(),
        country: "DE".into(),
        ..Default::default()
    };
    set(&mesh, 900, of_warehouse).await;
    set(&mesh, 1_000, PriceScope::default()).await;

    let view = PriceView {
        currency_code: "USD".into(),
        warehouse_id: " W1 ".into(),
        channel: "Web  SHOP".into(),
        country: "DE".into(),
    };
    let request = SearchProductsRequest { price_view: Some(view), ..in_usd("vase") };
    let before = Utc::now() - TimeDelta::milliseconds(1);
    let found = until(&mesh, "the vase has all prices", request, |found| {
        found.products.iter().any(|vase| vase.amount == usd(900))
    })
    .await;
    let applied = found.price_view.unwrap();
    let at = applied.at.unwrap();
    let instant = chrono::DateTime::from_timestamp(at.seconds, at.nanos as u32).unwrap();
    assert!((before..=Utc::now()).contains(&instant), "{instant}");
    let expected = AppliedPriceView {
        currency_code: "USD".into(),
        warehouse_id: "W1".into(),
        channel: "web shop".into(),
        country: "DE".into(),
        at: Some(at),
    };
    assert_eq!(applied, expected);
    mesh.settle().await;
    let anywhere = || in_usd("vase");
    until(&mesh, "the public price is there", anywhere(), |found| {
        found.products.iter().any(|vase| vase.amount == usd(1_000))
    })
    .await;
    let without = SearchProductsRequest { price_view: None, ..anywhere() };
    assert_eq!(search(&mesh, without).await.price_view, None);

    // The way to the caller's own price that the contract names.
    let context = PriceContext {
        currency_code: applied.currency_code,
        customer_groups: vec!["VIP".into()],
        at: applied.at,
        ..Default::default()
    };
    let request = BatchGetPricesRequest { items: vec![vase()], context: Some(context) };
    let own = mesh.pricing().batch_get_prices(request).await.unwrap().into_inner();
    assert_eq!(own.prices[0].amount, usd(700));
    mesh.finish().await;
}
