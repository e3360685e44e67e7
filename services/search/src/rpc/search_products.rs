//! Finds products.

use crate::App;
use crate::domain::shared::Shared;
use crate::engine::hits::Hit;
use crate::store::cards::Card;
use crate::wire;
use crate::wire::cursor::Cursor;
use crate::wire::stock::StockView;
use chrono::{SubsecRound, Utc};
use contracts::types::v1::Money;
use fault::{Common, Fault};
use kernel::currency::Currency;
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
    let cursor = page.cursor().map(cursor).transpose()?;
    // As exact as a token holds it, so that it is the same on every page.
    let at = cursor.map_or_else(|| Utc::now().trunc_subsecs(6), |cursor| cursor.at);
    let shared = app.index.shared();
    let after = cursor.map(|cursor| cursor.after);
    let query = wire::query(&request, after, page.size(), at, &shared)?;
    let (pricing, warehouse) = (query.pricing.clone(), query.warehouse.clone());
    let currency = pricing.currency;
    let price_view = wire::applied(&pricing, at);

    let mut found = app.index.search(query).await?;
    let cards = match after.and_then(|after| after.state) {
        None => app.cards.of(&app.db, &found.hits).await?,
        Some(_) => app.cards.of_earlier(&app.db, &found.hits).await?,
    };

    let view =
        StockView { shared: &shared, warehouse: warehouse.as_deref(), pricing: &pricing, at };
    let product = |(hit, card): (&Hit, Card)| {
        let stock = card.stock.clone();
        let shown = product(hit, card, currency, &shared);
        match stock {
            Some(stock) => view.show(&stock, shown),
            None => shown,
        }
    };
    let counted = |counts| wire::counted(counts, currency, &shared);
    let facets: Vec<Facet> = std::mem::take(&mut found.facets).into_iter().map(counted).collect();
    let counted = facets.iter().map(Message::encoded_len).sum();
    let hits = found.hits.iter().zip(cards).enumerate();
    let (places, products): (Vec<usize>, Vec<ProductHit>) =
        hits.filter_map(|(place, (hit, card))| Some((place, product((hit, card?))))).unzip();
    let products = within_answer(products.into_iter(), counted);
    // The next page begins with the first result that had no room on this one.
    let next = found.next(places.get(products.len()).copied().unwrap_or(found.hits.len()));
    let next = next.map(|after| page.token(&Cursor { at, after }.to_bytes()));
    Ok(SearchProductsResponse {
        products,
        total: wire::signed(found.total),
        next_page_token: next.unwrap_or_default(),
        facets,
        widened: found.widened,
        price_view,
    })
}

/// A hit with what its card says, but for stock.
fn product(hit: &Hit, card: Card, currency: Option<Currency>, shared: &Shared) -> ProductHit {
    let amount = hit.amount_minor.zip(currency);
    ProductHit {
        product_id: hit.product_id.to_string(),
        title: card.title,
        brand: card.brand_id.and_then(|id| shared.brands.get(&id)).cloned().unwrap_or_default(),
        variant_id: hit.variant_id.map(|id| id.to_string()).unwrap_or_default(),
        sku: card.sku,
        amount: amount.map(|(minor_units, currency)| Money {
            currency_code: currency.code().to_owned(),
            minor_units: Some(minor_units),
        }),
        score: f64::from(hit.score),
        minor_digits: amount.map_or(0, |(_, currency)| currency.minor_digits().into()),
        ..ProductHit::default()
    }
}

fn cursor(bytes: &[u8]) -> Result<Cursor, Fault> {
    Cursor::of_bytes(bytes).ok_or_else(|| {
        let message = "is of another release; start at the first page";
        Fault::field(Common::PageTokenInvalid, "page_token", message)
    })
}
