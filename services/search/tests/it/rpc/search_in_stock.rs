use crate::shop::{
    ALL, create, create_warehouse, drifts, in_stock, in_usd, reconcile, search, set_price, stock,
    titled, until, usd, variant,
};
use contracts::operations::v1::DriftKind::{Content, Missing};
use pricing_api::v1::item::Name;
use pricing_api::v1::{Item, PriceDraft, PriceScope, SetPriceRequest};
use search_api::v1::facet_request::Facet;
use search_api::v1::{FacetRequest, SearchProductsRequest, SearchProductsResponse, Sort};
use std::collections::BTreeSet;
use testkit::{Mesh, reason};

fn titles(answer: &SearchProductsResponse) -> Vec<&str> {
    answer.products.iter().map(|product| product.title.as_str()).collect()
}

fn counted() -> SearchProductsRequest {
    let facet = FacetRequest { facet: Some(Facet::InStock(true)), size: 0 };
    SearchProductsRequest { facets: vec![facet], ..in_usd("cup") }
}

/// Cups: of A the first warehouse has some, of B the second, of C none is left, of D nobody ever knew.
async fn cups(mesh: &Mesh) -> [String; 2] {
    let [first, second] = [create_warehouse(mesh, "W1").await, create_warehouse(mesh, "W2").await];
    for name in ["A", "B", "C", "D"] {
        create(mesh, titled(&format!("Cup {name}")), vec![variant(name, "", "")]).await;
        set_price(mesh, name, 500).await;
    }
    for (sku, id, units) in [("A", &first, 50), ("B", &second, 40), ("C", &first, 0)] {
        stock(mesh, sku, id, units).await;
    }
    mesh.settle().await;
    until(mesh, "all cups have what they have", counted(), |answer| {
        let values = &answer.facets[0].values;
        answer.total == 4
            && values.iter().map(|value| value.count).eq([2, 1])
            && answer.products.iter().all(|cup| cup.amount.is_some())
    })
    .await;
    [first, second]
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_filtered_counted_and_ranked_by() {
    let mesh = Mesh::boot(&ALL).await;
    let [first, second] = cups(&mesh).await;
    let all = search(&mesh, counted()).await;
    assert_eq!(titles(&all).last(), Some(&"Cup C"), "what is sold out comes last");
    let values: Vec<_> =
        all.facets[0].values.iter().map(|own| (own.value.as_str(), own.count)).collect();
    assert_eq!(values, [("true", 2), ("false", 1)]);
    let of_second = SearchProductsRequest { warehouse_id: second.clone(), ..counted() };
    let of_second = search(&mesh, of_second).await;
    let (front, back) = (&titles(&of_second)[..2], &titles(&of_second)[2..]);
    assert_eq!(BTreeSet::from_iter(front), BTreeSet::from([&"Cup B", &"Cup D"]));
    assert_eq!(BTreeSet::from_iter(back), BTreeSet::from([&"Cup A", &"Cup C"]));
    assert_eq!(of_second.facets[0].values[0].count, 2, "{:?}", of_second.facets);
    let newest = SearchProductsRequest { sort: Sort::Newest.into(), ..in_usd("cup") };
    assert_eq!(titles(&search(&mesh, newest).await), ["Cup D", "Cup C", "Cup B", "Cup A"]);

    // The warehouse of the price view counts, unless another one is named.
    let mut request = in_stock(true);
    assert_eq!(titles(&search(&mesh, request.clone()).await), ["Cup A", "Cup B"]);
    request.price_view.as_mut().unwrap().warehouse_id = first.clone();
    assert_eq!(titles(&search(&mesh, request.clone()).await), ["Cup A"]);
    request.warehouse_id = second;
    let answer = search(&mesh, request.clone()).await;
    assert_eq!(titles(&answer), ["Cup B"]);
    assert_eq!(answer.products[0].available, Some(40));
    request.price_view.as_mut().unwrap().warehouse_id = "elsewhere".into();
    request.warehouse_id = String::new();
    assert_eq!(search(&mesh, request.clone()).await.total, 0);
    request.warehouse_id = "elsewhere".into();
    let refused = mesh.search().search_products(request).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_FIELD");
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_warehouse_shows_its_own_price_or_the_one_for_all() {
    let mesh = Mesh::boot(&ALL).await;
    let [first, second] = cups(&mesh).await;
    stock(&mesh, "A", &second, 0).await;
    let price = PriceDraft {
        item: Some(Item { name: Some(Name::Sku("A".into())) }),
        scope: Some(PriceScope { warehouse_id: first.clone(), ..Default::default() }),
        base: usd(400),
        sale: usd(300),
        ..Default::default()
    };
    let request = SetPriceRequest { price: Some(price), ..Default::default() };
    mesh.pricing().set_price(request).await.unwrap();
    let answer = until(&mesh, "it has a price of its own", in_stock(true), |answer| {
        let own = answer.products.iter().flat_map(|cup| &cup.warehouse_stock);
        own.filter(|own| own.sale_price.is_some()).count() == 1
            && answer.products[0].warehouse_stock.len() == 2
    })
    .await;
    let shown = answer.products[0].warehouse_stock.iter().map(|own| {
        assert_eq!(own.currency_code, "USD");
        let id = own.warehouse_id.clone();
        (id, own.in_stock, own.quantity, own.base_price.clone(), own.sale_price.clone())
    });
    let expected = [(first, true, 50, usd(400), usd(300)), (second, false, 0, usd(500), None)];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    let without = SearchProductsRequest { price_view: None, ..in_stock(true) };
    let answer = search(&mesh, without).await;
    let own = &answer.products[0].warehouse_stock[0];
    assert_eq!((&own.base_price, own.currency_code.as_str()), (&None, ""));
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_of_stock_and_of_warehouses_is_repaired() {
    let alone = crate::shop::alone().await;
    let mesh = Mesh::boot(&ALL).await;
    let [first, _] = cups(&mesh).await;
    let clean = reconcile(&mesh, false).await;
    let metrics = mesh::telemetry::metrics_text();
    for section in ["price", "stock"] {
        let name = format!("search_section_lag_seconds_count{{section=\"{section}\"}}");
        assert!(metrics.contains(&name), "{name}");
    }
    // Four products, variants, prices and documents, three levels and two warehouses.
    assert_eq!((clean.compared, clean.differences), (21, 0), "{:?}", clean.drifts);
    mesh.sql("search", &format!("delete from entries where source_id = '{first}'")).await;
    let alter = "update entries set body = body || '\\xf80701'::bytea where section = 'stock'
         and version = (select max(version) from entries where section = 'stock')";
    mesh.sql("search", alter).await;
    let report = reconcile(&mesh, true).await;
    let expected = BTreeSet::from([("stock", Content), ("warehouse", Missing)]);
    assert_eq!(drifts(&report), expected, "{:?}", report.drifts);
    assert_eq!(report.differences, report.repaired);
    let clean = reconcile(&mesh, false).await;
    assert_eq!((clean.compared, clean.differences), (21, 0), "{:?}", clean.drifts);
    until(&mesh, "both are in stock", in_stock(true), |answer| answer.total == 2).await;
    mesh.finish().await;
    drop(alone);
}
