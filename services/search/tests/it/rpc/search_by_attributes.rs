//! What a definition says of an attribute, search does.

use crate::shop::{ALL, create, in_usd, search, titled, until, variant};
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{
    AttributeDraft, AttributeType, AttributeValue, DefineAttributeRequest, LocalizedEntry,
    LocalizedText, ProductDraft, TextList, VariantDraft,
};
use contracts::types::v1::Money;
use search_api::v1::{
    AttributeFilter, DateRange, Filters, MoneyRange, SearchProductsRequest, SearchProductsResponse,
};
use testkit::{Mesh, reason};

async fn define(mesh: &Mesh, draft: AttributeDraft) {
    let attribute = Some(AttributeDraft { name: draft.code.clone(), ..draft });
    let request = DefineAttributeRequest { attribute, ..Default::default() };
    mesh.catalog().define_attribute(request).await.unwrap();
}

/// A product of one variant of the same name.
async fn offer(mesh: &Mesh, title: &str, values: Vec<(&str, Value)>) {
    let value =
        |(code, value): (&str, Value)| AttributeValue { code: code.to_owned(), value: Some(value) };
    let tier2_attributes = values.into_iter().map(value).collect();
    let product = ProductDraft { tier2_attributes, ..titled(title) };
    create(mesh, product, vec![variant(title, "", "")]).await;
}

async fn found(mesh: &Mesh, request: SearchProductsRequest) -> Vec<String> {
    search(mesh, request).await.products.into_iter().map(|product| product.title).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn days_and_amounts_are_filtered_by_range() {
    let mesh = Mesh::boot(&ALL).await;
    for (code, of_type) in [("released", AttributeType::Date), ("deposit", AttributeType::Money)] {
        let (code, r#type) = (code.to_owned(), of_type.into());
        define(&mesh, AttributeDraft { code, r#type, filterable: true, ..Default::default() })
            .await;
    }
    let day = |day: &str| ("released", Value::Date(day.to_owned()));
    let deposit = |code: &str, minor_units| {
        let money = Money { currency_code: code.to_owned(), minor_units: Some(minor_units) };
        ("deposit", Value::Money(money))
    };
    offer(&mesh, "A", vec![day("2026-01-01"), deposit("USD", 500)]).await;
    offer(&mesh, "B", vec![day("2026-01-31"), deposit("USD", 501)]).await;
    offer(&mesh, "C", vec![day("2026-02-01"), deposit("EUR", 500)]).await;
    until(&mesh, "all are indexed", in_usd(""), |answer| answer.total == 3).await;
    mesh.settle().await;

    let only = |filter: AttributeFilter| SearchProductsRequest {
        filters: Some(Filters { attributes: vec![filter], ..Default::default() }),
        ..in_usd("")
    };
    let days = |from: &str, until: &str| {
        let date_range = Some(DateRange { from: from.to_owned(), until: until.to_owned() });
        only(AttributeFilter { code: "released".to_owned(), date_range, ..Default::default() })
    };
    let amounts = |code: &str, min_minor_units, max_minor_units| {
        let currency_code = code.to_owned();
        let money_range = Some(MoneyRange { currency_code, min_minor_units, max_minor_units });
        only(AttributeFilter { code: "deposit".to_owned(), money_range, ..Default::default() })
    };
    assert_eq!(found(&mesh, days("2026-01-01", "2026-01-31")).await, ["A", "B"]);
    assert_eq!(found(&mesh, days("2026-01-31", "")).await, ["B", "C"]);
    assert_eq!(found(&mesh, days("", "2026-01-30")).await, ["A"]);
    assert_eq!(found(&mesh, amounts("USD", Some(500), Some(500))).await, ["A"]);
    assert_eq!(found(&mesh, amounts("USD", Some(501), None)).await, ["B"]);
    assert_eq!(found(&mesh, amounts("EUR", None, None)).await, ["C"]);

    let cases = [
        ("FILTER_INVALID", days("2026-02-01", "2026-01-31")),
        ("FILTER_INVALID", days("2026-02-30", "")),
        ("FILTER_INVALID", amounts("USD", Some(2), Some(1))),
        ("UNKNOWN_CURRENCY", amounts("XXQ", None, None)),
    ];
    for (expected, request) in cases {
        let refused = mesh.search().search_products(request).await.unwrap_err();
        assert_eq!(reason(&refused), expected);
    }
    mesh.finish().await;
}

/// Also where the definition comes after the products, and no longer when it is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn texts_of_searchable_attributes_are_found_by_their_words() {
    let mesh = Mesh::boot(&ALL).await;
    let definition = |code: &str, of_type: AttributeType, searchable| AttributeDraft {
        code: code.to_owned(),
        r#type: of_type.into(),
        searchable,
        allowed_values: match of_type {
            AttributeType::MultiEnum => vec!["dry ice".to_owned(), "steam".to_owned()],
            _ => Vec::new(),
        },
        ..Default::default()
    };
    let defined = [
        ("story", AttributeType::Text),
        ("effects", AttributeType::MultiEnum),
        ("slogan", AttributeType::Localized),
    ];
    for (code, of_type) in defined {
        define(&mesh, definition(code, of_type, false)).await;
    }
    let story = |text: &str| ("story", Value::Text(text.to_owned()));
    let effects = TextList { values: vec!["dry ice".to_owned(), "steam".to_owned()] };
    let entry = |language: &str, text: &str| LocalizedEntry {
        language: language.to_owned(),
        text: text.to_owned(),
    };
    let slogan = LocalizedText { entries: vec![entry("en", "brighter"), entry("de", "heller")] };
    offer(&mesh, "A", vec![story("a lighthouse keeper")]).await;
    offer(&mesh, "B", vec![("effects", Value::Texts(effects))]).await;
    offer(&mesh, "C", vec![("slogan", Value::Localized(slogan))]).await;
    let (code, value) = story("a keeper of bees");
    let value = AttributeValue { code: code.to_owned(), value: Some(value) };
    let own = VariantDraft { tier2_attributes: vec![value], ..variant("D", "", "") };
    create(&mesh, titled("D"), vec![own]).await;
    until(&mesh, "all are indexed", in_usd(""), |answer| answer.total == 4).await;
    mesh.settle().await;
    assert!(found(&mesh, in_usd("keeper steam heller")).await.is_empty());

    for (code, of_type) in defined {
        define(&mesh, definition(code, of_type, true)).await;
    }
    for (query, titles) in [
        ("keeper", vec!["A", "D"]),
        ("ice", vec!["B"]),
        ("heller", vec!["C"]),
        ("brighter", vec!["C"]),
    ] {
        let all = |answer: &SearchProductsResponse| {
            let mut found: Vec<&str> =
                answer.products.iter().map(|product| product.title.as_str()).collect();
            found.sort_unstable();
            found == titles
        };
        until(&mesh, query, in_usd(query), all).await;
    }

    define(&mesh, definition("story", AttributeType::Text, false)).await;
    until(&mesh, "stories are no longer searched", in_usd("keeper"), |answer| answer.total == 0)
        .await;
    mesh.finish().await;
}
