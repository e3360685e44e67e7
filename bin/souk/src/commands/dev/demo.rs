use super::up;
use crate::commands::flags::Flags;
use crate::commands::seed::fill;
use crate::environment::Environment;
use crate::export::stock::codes;
use crate::load::caller::{Caller, call};
use crate::load::events;
use crate::load::pages::with_retries;
use crate::output;
use crate::seed::Shop;
use anyhow::{Context, Result, bail};
use search_api::v1::{PriceView, ProductHit, SearchProductsRequest, SearchProductsResponse};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const SHOP: Shop = Shop { products: 2_000, seed: 1 };
/// Days before today of which analytics gets events.
const EVENT_DAYS: u64 = 7;
const QUERY: &str = "noise-cancelling headphones";

/// Starts everything, fills the shop, waits until all products are indexed, and prints commands to try.
pub async fn demo() -> Result<()> {
    up::up(&[]).await?;
    let caller = Caller::new(&Environment::of_client(), &Flags::default())?;
    fill(&caller, SHOP).await?;
    events::fill(&caller, SHOP, EVENT_DAYS).await?;
    output::note("waiting until all of it can be found");
    let hit = found(&caller).await?;
    let north = codes(&caller).await?.into_iter().find(|(_, code)| code == "north");
    tour(&hit, &north.context("the shop has no warehouse \"north\"")?.0)
}

/// The first result, once every product is in the index and this one has its price.
async fn found(caller: &Caller) -> Result<ProductHit> {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let all = search(caller, "").await?.total;
        let hit = search(caller, QUERY).await?.products.into_iter().next();
        match hit {
            Some(hit) if hit.amount.is_some() && all >= i64::from(SHOP.products) => return Ok(hit),
            _ if until < Instant::now() => {
                bail!(
                    "after two minutes {all} of {} products can be found; see .souk/dev/log/all.log",
                    SHOP.products
                )
            }
            _ => sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn search(caller: &Caller, query: &str) -> Result<SearchProductsResponse> {
    let price_view = PriceView { currency_code: "USD".to_owned(), ..PriceView::default() };
    let request = SearchProductsRequest {
        query: query.to_owned(),
        price_view: Some(price_view),
        page_size: 1,
        ..SearchProductsRequest::default()
    };
    let ask = async || caller.search.clone().search_products(call(request.clone())).await;
    with_retries("search", ask).await
}

fn tour(hit: &ProductHit, warehouse_id: &str) -> Result<()> {
    let amount = hit.amount.as_ref().context("the first result has no price")?.minor_units();
    let call = r#"-H "authorization: Bearer $SOUK_TOKEN""#;
    let search = format!(
        r#"grpcurl -plaintext {call} -d '{{"query": "{QUERY}", "price_view": {{"currency_code": "USD"}}, "page_size": 1}}' "$SOUK_GRPC" souk.search.v1.SearchService/SearchProducts"#
    );
    // Always differs from the current amount, so the tour can be repeated.
    let lower = (amount - 1000).max(amount / 2).max(1);
    let set = format!(
        r#"grpcurl -plaintext {call} -d '{{"price": {{"item": {{"sku": "{}"}}, "base": {{"currency_code": "USD", "minor_units": {lower}}}}}}}' "$SOUK_GRPC" souk.pricing.v1.PricingService/SetPrice"#,
        hit.sku
    );
    output::line("\nTry it, from this folder:\n");
    output::line(
        "# addresses and a token with every scope\n. .souk/env; PATH=$PWD/.souk/tools/bin:$PATH\n",
    );
    output::line("# what is there\ngrpcurl -plaintext \"$SOUK_GRPC\" list");
    output::line(
        "grpcurl -plaintext \"$SOUK_GRPC\" describe souk.search.v1.SearchService.SearchProducts\n",
    );
    output::line(format_args!("# the best match costs {} now\n{search}\n", dollars(amount)));
    output::line(format_args!("# sell {} for {}\n{set}\n", hit.sku, dollars(lower)));
    output::line(format_args!(
        "# and find it at the new price, a moment later\nsleep 1; {search}\n"
    ));
    let warehouse = |method: &str, body: String| {
        format!(
            r#"grpcurl -plaintext {call} -d '{body}' "$SOUK_GRPC" souk.warehouse.v1.WarehouseService/{method}"#
        )
    };
    let sku = &hit.sku;
    let last = warehouse(
        "UpdateStock",
        format!(r#"{{"update": {{"sku": "{sku}", "warehouse_id": "{warehouse_id}", "set": 1}}}}"#),
    );
    let reserve = |cart: &str| {
        let line =
            format!(r#"{{"sku": "{sku}", "quantity": 1, "warehouse_id": "{warehouse_id}"}}"#);
        warehouse(
            "Reserve",
            format!(r#"{{"owner_id": "{cart}", "lines": [{line}], "hold_seconds": 30}}"#),
        )
    };
    output::line(format_args!("# one unit of {sku} is left in the warehouse north\n{last}\n"));
    output::line(format_args!(
        "# a cart holds it for half a minute; another one is refused until then\n{}\n{}\n",
        reserve("cart-1"),
        reserve("cart-2")
    ));
    output::line(format_args!(
        "# the same as JSON over HTTP; read http://$SOUK_HTTP/api/docs\ncurl -s -H \"authorization: Bearer $SOUK_TOKEN\" \"http://$SOUK_HTTP/api/v1/pricing/skus/{}/price?context.currencyCode=USD\"\n",
        hit.sku
    ));
    output::line(
        "# health and metrics\ncurl -s \"http://$SOUK_ADMIN/health/detailed\"; curl -s \"http://$SOUK_ADMIN/metrics\" | head",
    );
    Ok(())
}

fn dollars(cents: i64) -> String {
    format!("{}.{:02} USD", cents / 100, cents % 100)
}
