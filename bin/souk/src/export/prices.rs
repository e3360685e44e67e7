//! Prices, as `PriceDraft`.

use super::Writer;
use crate::load::caller::{Caller, call};
use crate::load::pages::{PAGE_SIZE, with_retries};
use crate::load::progress::Progress;
use anyhow::Result;
use pricing_api::v1::{ListPricesRequest, Price, PriceDraft};

/// Writes all prices, by the order of their creation. Returns how many are of products: these name ids of this shop.
pub async fn export(caller: &Caller, out: &mut Writer, progress: &mut Progress) -> Result<u64> {
    let (mut of_products, mut page_token) = (0, String::new());
    loop {
        let request = ListPricesRequest { page_size: PAGE_SIZE, page_token, item: None };
        let list = async || caller.pricing.clone().list_prices(call(request.clone())).await;
        let page = with_retries("list prices", list).await?;
        for price in page.prices {
            of_products += u64::from(price.variant_id.is_empty());
            out.write(&draft(price))?;
            progress.add(1);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(of_products);
        }
    }
}

fn draft(price: Price) -> PriceDraft {
    let Price { item, scope, base, sale, from, until, .. } = price;
    PriceDraft { item, scope, base, sale, from, until }
}
