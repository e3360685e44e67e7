//! The examples of features.md §2, through the RPC.

use crate::shop::{Shop, draft, item, product, sku, usd};
use fault::{Common, Fault};
use kernel::currency::Currency;
use kernel::window::Window;
use pricing::domain::draft::PriceDraft;
use pricing::rpc::get_price::get_price;
use pricing_api::v1::{GetPriceRequest, PriceContext, Reason, Verdict};

const NOV_20: i64 = 1_795_132_800;
const DEC_1: i64 = 1_796_083_200;
const DEC_3: i64 = DEC_1 + 2 * DAY;
const DEC_8: i64 = DEC_1 + 7 * DAY;
const DAY: i64 = 86_400;

/// The prices p1 to p8.
fn examples() -> Vec<PriceDraft> {
    let sku = |base, change: fn(&mut PriceDraft)| {
        let mut draft = draft(sku("S"), base);
        change(&mut draft);
        draft
    };
    vec![
        draft(product(), 100),
        sku(95, |_| ()),
        sku(90, |p| p.key.scope.warehouse = Some("W1".into())),
        sku(92, |p| p.key.scope.group = Some("vip".into())),
        sku(91, |p| {
            p.key.scope.group = Some("vip".into());
            p.key.scope.country = Some("DE".into());
        }),
        sku(85, |p| {
            p.key.scope.warehouse = Some("W1".into());
            let day = |at| Some(crate::shop::second(at));
            p.key.window = Window::try_new(day(DEC_1), day(DEC_8)).unwrap();
        }),
        sku(88, |p| p.key.currency = Currency::parse("EUR").unwrap()),
        sku(89, |p| p.key.scope.group = Some("staff".into())),
    ]
}

struct Case {
    name: &'static str,
    currency: &'static str,
    groups: &'static [&'static str],
    warehouse: &'static str,
    country: &'static str,
    at: i64,
    /// The price's number and amount, or none for MATCHING_PRICE_NOT_FOUND.
    chosen: Option<(usize, i64)>,
}

#[rustfmt::skip] // a table
fn cases() -> [Case; 12] {
    let case = |name, currency, groups, warehouse, country, at, chosen| {
        Case { name, currency, groups, warehouse, country, at, chosen }
    };
    [
        case("a: SKU beats product",   "USD", &[],               "",   "",   NOV_20, Some((2, 95))),
        case("b: warehouse's own",     "USD", &[],               "W1", "",   NOV_20, Some((3, 90))),
        case("c: dated beats undated", "USD", &[],               "W1", "",   DEC_3,  Some((6, 85))),
        case("d: specific, not cheap", "USD", &["VIP"],          "W1", "",   NOV_20, Some((4, 92))),
        case("e: group and country",   "USD", &["VIP"],          "W1", "DE", NOV_20, Some((5, 91))),
        case("f: cheapest of groups",  "USD", &["VIP", "STAFF"], "",   "",   NOV_20, Some((8, 89))),
        case("g: groups and country",  "USD", &["VIP", "STAFF"], "",   "DE", NOV_20, Some((5, 91))),
        case("h: currency is hard",    "EUR", &["VIP"],          "",   "",   NOV_20, Some((7, 88))),
        case("i: none, never zero",    "GBP", &[],               "",   "",   NOV_20, None),
        case("j: first instant is in", "USD", &[],               "W1", "",   DEC_1,  Some((6, 85))),
        case("j: last instant is out", "USD", &[],               "W1", "",   DEC_8,  Some((3, 90))),
        case("k: elsewhere",           "USD", &[],               "W9", "FR", NOV_20, Some((2, 95))),
    ]
}

fn request(case: &Case) -> GetPriceRequest {
    let context = PriceContext {
        currency_code: case.currency.into(),
        warehouse_id: case.warehouse.into(),
        country: case.country.into(),
        customer_groups: case.groups.iter().map(ToString::to_string).collect(),
        at: Some(prost_types::Timestamp { seconds: case.at, nanos: 0 }),
        ..Default::default()
    };
    GetPriceRequest { item: Some(item(&sku("S"))), context: Some(context) }
}

#[tokio::test]
async fn examples_a_to_k() {
    let shop = Shop::open().await;
    let mut ids = Vec::new();
    for draft in examples() {
        ids.push(shop.set_one(draft).await.1.head.id.to_string());
    }
    for case in cases() {
        let answer = get_price(&shop.app, request(&case)).await;
        let Some((number, minor_units)) = case.chosen else {
            let fault = answer.unwrap_err();
            assert!(fault.is(Reason::MatchingPriceNotFound), "{}: {fault:?}", case.name);
            continue;
        };
        let answer = answer.unwrap_or_else(|fault| panic!("{}: {fault:?}", case.name));
        assert_eq!(answer.amount.unwrap().minor_units(), minor_units, "{}", case.name);
        assert_eq!(answer.price.unwrap().price_id, ids[number - 1], "{}", case.name);
        assert_eq!(answer.trace.len(), 8, "{}", case.name);
        assert_eq!(answer.trace[0].price_id, ids[number - 1], "{}", case.name);
        assert_eq!(answer.trace[0].verdict(), Verdict::Chosen, "{}", case.name);
        let chosen = answer.trace.iter().filter(|entry| entry.verdict() == Verdict::Chosen);
        assert_eq!(chosen.count(), 1, "{}", case.name);
    }
    shop.close().await;
}

#[tokio::test]
async fn the_trace_explains_each_price_in_a_sentence() {
    let shop = Shop::open().await;
    for draft in examples() {
        shop.set_one(draft).await;
    }
    let elsewhere = cases().into_iter().find(|case| case.name.starts_with('k')).unwrap();
    let trace = get_price(&shop.app, request(&elsewhere)).await.unwrap().trace;
    let explained: Vec<_> = trace
        .iter()
        .map(|entry| (entry.amount.as_ref().unwrap().minor_units(), entry.explanation.as_str()))
        .collect();
    let expected = [
        (95, "applies"),
        (100, "is a price of the product, and one of the SKU applies"),
        (91, "customer group is vip, the context has none"),
        (89, "customer group is staff, the context has none"),
        (92, "customer group is vip, the context has none"),
        (85, "holds from 2026-12-01T00:00:00Z on, the context is of 2026-11-20T00:00:00Z"),
        (90, "warehouse is W1, the context has W9"),
        (88, "currency is EUR, the context has USD"),
    ];
    assert_eq!(explained, expected);
    shop.close().await;
}

#[tokio::test]
async fn without_an_instant_the_databases_clock_decides() {
    let shop = Shop::open().await;
    let now = chrono::Utc::now().timestamp();
    shop.set_one(crate::shop::dated(sku("S"), 70, now - 3600, now + 3600)).await;
    shop.set_one(draft(sku("S"), 100)).await;
    let amount = async || -> Result<i64, Fault> {
        let request = GetPriceRequest { item: Some(item(&sku("S"))), context: Some(usd()) };
        Ok(get_price(&shop.app, request).await?.amount.unwrap().minor_units())
    };
    assert_eq!(amount().await.unwrap(), 70);
    shop.app.db.shift_clock(chrono::TimeDelta::hours(2));
    assert_eq!(amount().await.unwrap(), 100);
    shop.close().await;
}

#[tokio::test]
async fn a_price_of_zero_is_a_price_and_no_price_is_a_refusal() {
    let shop = Shop::open().await;
    shop.set_one(draft(sku("FREE"), 0)).await;
    shop.store_item(&sku("NONE")).await;
    let get = async |name: &str| {
        let request = GetPriceRequest { item: Some(item(&sku(name))), context: Some(usd()) };
        get_price(&shop.app, request).await
    };
    assert_eq!(get("FREE").await.unwrap().amount.unwrap().minor_units(), 0);
    let fault = get("NONE").await.unwrap_err();
    assert!(fault.is(Reason::MatchingPriceNotFound));
    assert_eq!(fault.metadata()["item"], "NONE");

    // An item that is not stored needs a call to catalog, which is down here.
    let fault = get("NEW").await.unwrap_err();
    assert!(fault.is(Common::DependencyUnavailable), "{fault:?}");
    shop.close().await;
}

#[tokio::test]
async fn a_currency_that_does_not_exist_is_refused() {
    let shop = Shop::open().await;
    let context = PriceContext { currency_code: "XXX".into(), ..Default::default() };
    let request = GetPriceRequest { item: Some(item(&sku("S"))), context: Some(context) };
    let fault = get_price(&shop.app, request).await.unwrap_err();
    assert!(fault.is(Common::UnknownCurrency));
    assert_eq!(fault.violations()[0].field, "context.currency_code");
    shop.close().await;
}
