//! Finds products.

use crate::App;
use crate::engine::hits::Hit;
use crate::engine::query::MAX_HITS;
use crate::store::cards::Card;
use crate::wire;
use chrono::Utc;
use contracts::types::v1::Money;
use fault::{Common, Fault};
use mesh::paging::within_answer;
use prost::Message;
use search_api::v1::{Facet, ProductHit, SearchProductsRequest, SearchProductsResponse};

/// A page of products, best first.
pub async fn search_products(
    app: &App,
    request: SearchProductsRequest,
) -> Result<SearchProductsResponse, Fault> {
    app.index.check_filled()?;
    let page = app.paging.page(&request)?;
    let offset = offset(page.cursor())?;
    let shared = app.index.shared();
    let query = wire::query(&request, offset, page.size(), Utc::now(), &shared)?;
    let currency = query.pricing.currency;

    let found = app.index.search(query).await?;
    let cards = app.cards.of(&app.db, &found.hits).await?;

    let product = |(hit, card): (&Hit, Card)| ProductHit {
        product_id: hit.product_id.to_string(),
        title: card.title,
        brand: card.brand_id.and_then(|id| shared.brands.get(&id)).cloned().unwrap_or_default(),
        variant_id: hit.variant_id.map(|id| id.to_string()).unwrap_or_default(),
        sku: card.sku,
        amount: hit.amount_minor.zip(currency).map(|(minor_units, currency)| Money {
            currency_code: currency.code().to_owned(),
            minor_units: Some(minor_units),
        }),
        score: f64::from(hit.score),
        minor_digits: hit
            .amount_minor
            .and(currency)
            .map_or(0, |currency| currency.minor_digits().into()),
    };
    let counted = |counts| wire::counted(counts, currency, &shared);
    let facets: Vec<Facet> = found.facets.into_iter().map(counted).collect();
    let counted = facets.iter().map(Message::encoded_len).sum();
    let products = within_answer(found.hits.iter().zip(cards).map(product), counted);
    // Where no hit is left the index has shrunk since the page before.
    let next = next(offset + products.len(), found.total).filter(|_| !products.is_empty());
    Ok(SearchProductsResponse {
        products,
        total: wire::signed(found.total),
        next_page_token: next
            .map(|next| page.token(next.to_string().as_bytes()))
            .unwrap_or_default(),
        facets,
        widened: found.widened,
    })
}

/// Where the next page begins, if there is one: nothing is served behind the last result that may be.
fn next(end: usize, total: u64) -> Option<usize> {
    let more = u64::try_from(end).is_ok_and(|end| end < total);
    (more && end < MAX_HITS).then_some(end)
}

/// The cursor is the number of results before the page: an index that changes between two pages has no better one.
fn offset(cursor: Option<&[u8]>) -> Result<usize, Fault> {
    let Some(cursor) = cursor else { return Ok(0) };
    let offset = std::str::from_utf8(cursor).ok().and_then(|text| text.parse().ok());
    offset.ok_or_else(|| Fault::new(Common::PageTokenInvalid, "start at the first page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_page_begins_behind_the_last_result_that_is_served() {
        assert_eq!(next(20, 21), Some(20));
        assert_eq!(next(20, 20), None);
        assert_eq!(next(9_999, 10_500), Some(9_999));
        assert_eq!(next(10_000, 10_500), None);
    }
}
