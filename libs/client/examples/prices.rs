//! Counts the products of the catalogue, sets the price of an item where an amount is given, and asks what the item costs.
//!
//! ```sh
//! . .souk/env   # of ./dev up
//! cargo run -p souk-client --example prices -- http://$SOUK_GRPC $SOUK_TOKEN <SKU> [<cents>]
//! ```
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use futures::TryStreamExt;
use souk_client::catalog::v1::ListProductsRequest;
use souk_client::pricing::v1::item::Name;
use souk_client::pricing::v1::{self as pricing, GetPriceRequest, PriceContext, SetPriceRequest};
use souk_client::types::v1::Money;
use souk_client::{Client, Reason, Refusal};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, token, sku, cents @ ..] = arguments.as_slice() else {
        return Err("usage: prices ADDRESS TOKEN SKU [CENTS]".into());
    };
    let souk = Client::connect(address, token.as_str())?;

    let pages = souk.pages(ListProductsRequest { page_size: 500, ..Default::default() });
    let count = pages.try_fold(0, async |count, page| Ok(count + page.products.len())).await?;
    println!("{count} products");

    if let Some(cents) = cents.first() {
        set(&souk, sku, cents.parse()?).await?;
    }
    let context = PriceContext { currency_code: "USD".to_owned(), ..Default::default() };
    let asked = GetPriceRequest { item: Some(item(sku)), context: Some(context) };
    match souk.pricing().get_price(asked).await {
        Ok(answer) => println!("{sku} costs {:?}", answer.into_inner().amount),
        Err(status) => match status.reason() {
            Some(Reason::Pricing(pricing::Reason::MatchingPriceNotFound)) => {
                println!("{sku} has no price in USD");
            }
            _ => return Err(status.into()),
        },
    }
    Ok(())
}

/// Sets the price for everybody. It has no `request_id`, so the client makes one: it is set once, however often the call is sent.
async fn set(souk: &Client, sku: &str, cents: i64) -> Result<(), Box<dyn Error>> {
    let base = Money { currency_code: "USD".to_owned(), minor_units: Some(cents) };
    let price =
        pricing::PriceDraft { item: Some(item(sku)), base: Some(base), ..Default::default() };
    let asked = SetPriceRequest { price: Some(price), ..Default::default() };
    if let Err(status) = souk.pricing().set_price(asked).await {
        for (field, problem) in status.fields() {
            println!("{field}: {problem}");
        }
        return Err(status.into());
    }
    Ok(())
}

fn item(sku: &str) -> pricing::Item {
    pricing::Item { name: Some(Name::Sku(sku.to_owned())) }
}
