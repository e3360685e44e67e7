use crate::shop::{ALL, create, in_usd, search, set_price, set_price_in, titled, until, variant};
use search_api::v1::attribute_term::Value;
use search_api::v1::facet_request::Facet;
use search_api::v1::{
    AttributeFacet, AttributeFilter, AttributeTerm, FacetRequest, Filters, NumberRange, PriceFacet,
    PriceRange, PriceView, SearchProductsRequest, Sort, TermKind,
};
use testkit::{Mesh, reason};
use tonic::Code;

fn text(value: &str) -> AttributeTerm {
    AttributeTerm { value: Some(Value::Text(value.to_owned())) }
}

fn with(code: &str, values: &[&str]) -> AttributeFilter {
    let values = values.iter().map(|value| text(value)).collect();
    AttributeFilter { code: code.to_owned(), values, ..Default::default() }
}

fn count(code: &str) -> FacetRequest {
    let facet = AttributeFacet { code: code.to_owned(), kind: TermKind::Text.into() };
    FacetRequest { facet: Some(Facet::Attribute(facet)), size: 0 }
}

fn values(facet: &search_api::v1::Facet) -> Vec<(String, i64)> {
    facet.values.iter().map(|value| (value.value.clone(), value.count)).collect()
}

fn pairs(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect()
}

/// The worked example of features §6: variants of P1 to P4 in colors and sizes.
#[tokio::test(flavor = "multi_thread")]
async fn facets_count_products_and_filters_bind_to_one_variant() {
    let mesh = Mesh::boot(&ALL).await;
    let shop: [(&str, &[(&str, &str)]); 4] = [
        ("P1", &[("red", "S"), ("red", "M"), ("blue", "M")]),
        ("P2", &[("red", "M")]),
        ("P3", &[("blue", "S"), ("green", "M")]),
        ("P4", &[("red", "S"), ("blue", "M")]),
    ];
    for (title, variants) in shop {
        let draft =
            |(color, size): &(&str, &str)| variant(&format!("{title}-{color}-{size}"), color, size);
        create(&mesh, titled(title), variants.iter().map(draft).collect()).await;
    }
    let mut request =
        SearchProductsRequest { facets: vec![count("color"), count("size")], ..Default::default() };
    let all = until(&mesh, "all variants are indexed", request.clone(), |answer| {
        answer.facets.first().map(values) == Some(pairs(&[("blue", 3), ("red", 3), ("green", 1)]))
    })
    .await;
    assert_eq!(all.total, 4);
    assert_eq!(values(&all.facets[1]), pairs(&[("M", 4), ("S", 3)]));

    request.filters = Some(Filters {
        attributes: vec![with("color", &["red"]), with("size", &["M"])],
        ..Default::default()
    });
    let found = search(&mesh, request.clone()).await;
    let titles: Vec<&str> = found.products.iter().map(|product| product.title.as_str()).collect();
    assert_eq!(titles, ["P1", "P2"], "P4 has red and has M, but not on one variant");
    assert_eq!(values(&found.facets[0]), pairs(&[("blue", 2), ("red", 2), ("green", 1)]));
    assert_eq!(values(&found.facets[1]), pairs(&[("M", 2), ("S", 2)]));

    request.filters = Some(Filters {
        attributes: vec![with("color", &["red", "blue"]), with("size", &["M"])],
        ..Default::default()
    });
    let wider = search(&mesh, request).await;
    assert_eq!(wider.total, 3);
    assert_eq!(values(&wider.facets[0]), values(&found.facets[0]));
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_contain_all_results_in_the_order_of_prices() {
    let mesh = Mesh::boot(&ALL).await;
    for number in 1..=5 {
        let sku = format!("MUG-{number}");
        create(&mesh, titled(&format!("Mug {number}")), vec![variant(&sku, "white", "")]).await;
        set_price(&mesh, &sku, 1000 - i64::from(number)).await;
    }
    let mut request = in_usd("mug");
    (request.sort, request.page_size) = (Sort::PriceAscending.into(), 2);
    until(&mesh, "all mugs have their prices", request.clone(), |answer| {
        answer.total == 5 && answer.products[0].sku == "MUG-5"
    })
    .await;
    mesh.settle().await;
    let everything = SearchProductsRequest { page_size: 5, ..request.clone() };
    until(&mesh, "no mug is without a price", everything, |answer| {
        answer.products.iter().all(|product| product.amount.is_some())
    })
    .await;
    let mut seen = Vec::new();
    loop {
        let page = search(&mesh, request.clone()).await;
        seen.extend(page.products.into_iter().map(|product| product.sku));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(seen, ["MUG-5", "MUG-4", "MUG-3", "MUG-2", "MUG-1"]);
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_are_refused_with_a_reason() {
    let mesh = Mesh::boot(&ALL).await;
    let filtered =
        |filters: Filters| SearchProductsRequest { filters: Some(filters), ..in_usd("") };
    let attribute = |filter: AttributeFilter| {
        filtered(Filters { attributes: vec![filter], ..Default::default() })
    };
    let range = |min, max| PriceRange { min_minor_units: min, max_minor_units: max };
    let cases = [
        (
            "CURRENCY_REQUIRED",
            SearchProductsRequest {
                price_view: None,
                sort: Sort::PriceAscending.into(),
                ..in_usd("")
            },
        ),
        (
            "CURRENCY_REQUIRED",
            SearchProductsRequest {
                price_view: None,
                ..filtered(Filters { price: Some(range(1, None)), ..Default::default() })
            },
        ),
        (
            "UNKNOWN_CURRENCY",
            SearchProductsRequest {
                price_view: Some(PriceView { currency_code: "XXQ".into(), ..Default::default() }),
                ..Default::default()
            },
        ),
        (
            "FILTER_INVALID",
            filtered(Filters { price: Some(range(5, Some(4))), ..Default::default() }),
        ),
        ("FILTER_INVALID", attribute(with("color", &[]))),
        (
            "FILTER_INVALID",
            attribute(AttributeFilter {
                range: Some(NumberRange { min: Some(2.0), max: Some(1.0) }),
                ..with("weight_grams", &[])
            }),
        ),
        (
            "FILTER_INVALID",
            attribute(AttributeFilter {
                values: vec![text("red"), AttributeTerm { value: Some(Value::Boolean(true)) }],
                ..with("color", &[])
            }),
        ),
        ("ATTRIBUTE_NOT_SEARCHABLE", attribute(with("flavor", &["sweet"]))),
        (
            "ATTRIBUTE_NOT_SEARCHABLE",
            SearchProductsRequest { facets: vec![count("flavor")], ..in_usd("") },
        ),
        ("PAGE_TOKEN_INVALID", SearchProductsRequest { page_token: "forged".into(), ..in_usd("") }),
        ("INVALID_FIELD", SearchProductsRequest { page_size: -1, ..in_usd("") }),
        ("INVALID_FIELD", in_usd(&"w ".repeat(51))),
    ];
    for (expected, request) in cases {
        let refused = mesh.search().search_products(request).await.unwrap_err();
        assert_eq!((reason(&refused).as_str(), refused.code()), (expected, Code::InvalidArgument));
    }
    mesh.finish().await;
}

/// The range of the filter is counted besides the requested ones, and each is named by its bounds.
#[tokio::test(flavor = "multi_thread")]
async fn price_ranges_are_counted_by_their_bounds() {
    let mesh = Mesh::boot(&ALL).await;
    for (sku, cents) in [("PAN-1", 900), ("PAN-2", 1_900), ("PAN-3", 2_900)] {
        create(&mesh, titled("Pan"), vec![variant(sku, "", "")]).await;
        set_price(&mesh, sku, cents).await;
    }
    let range = |min_minor_units, max_minor_units| PriceRange { min_minor_units, max_minor_units };
    let facet = PriceFacet { ranges: vec![range(0, Some(1_999)), range(2_000, None)] };
    let request = SearchProductsRequest {
        facets: vec![FacetRequest { facet: Some(Facet::Price(facet)), size: 0 }],
        filters: Some(Filters { price: Some(range(1_500, Some(2_500))), ..Default::default() }),
        ..in_usd("pan")
    };
    until(&mesh, "all pans have prices", in_usd("pan"), |answer| {
        answer.products.iter().filter(|product| product.amount.is_some()).count() == 3
    })
    .await;
    let answer = search(&mesh, request).await;
    assert_eq!(answer.total, 1);
    assert_eq!((answer.products[0].minor_digits, answer.facets[0].minor_digits), (2, 2));
    let counted: Vec<_> = answer.facets[0]
        .values
        .iter()
        .map(|value| (value.value.as_str(), value.count, value.selected))
        .collect();
    assert_eq!(counted, [("0-1999", 2, false), ("2000-", 1, false), ("1500-2500", 1, true)]);

    let in_yen = PriceView { currency_code: "JPY".into(), ..Default::default() };
    let mut request = SearchProductsRequest { price_view: Some(in_yen), ..in_usd("pan") };
    set_price_in(&mesh, "JPY", "PAN-1", 1_500).await;
    let priced = until(&mesh, "a pan has a price in yen", request.clone(), |answer| {
        answer.products.iter().any(|pan| pan.amount.is_some())
    });
    assert!(priced.await.products.iter().all(|pan| pan.minor_digits == 0));
    request.price_view = None;
    assert!(search(&mesh, request).await.products.iter().all(|pan| pan.minor_digits == 0));
    mesh.finish().await;
}
