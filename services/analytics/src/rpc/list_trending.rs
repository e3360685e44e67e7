//! What most happened to.

use crate::domain::counting::Dimension;
use crate::domain::figures::compared;
use crate::domain::types::Kind;
use crate::store::reports::{self, Ranked, Ranking, Score};
use crate::{App, wire};
use analytics_api::v1::list_trending_request::{Order, Subject};
use analytics_api::v1::{ListTrendingRequest, ListTrendingResponse, TrendingEntry};
use contracts::Rpc;
use fault::{Common, Fault};
use mesh::paging::Page;

/// A page of products, search terms or pages.
pub async fn list_trending(
    app: &App,
    request: ListTrendingRequest,
) -> Result<ListTrendingResponse, Fault> {
    let page = app.paging.page(&request)?;
    let wanted = &Ranking {
        dimension: match request.subject() {
            Subject::SearchTerm => Dimension::Term,
            Subject::Page => Dimension::Page,
            _ => Dimension::Product,
        },
        period: wire::period(request.period.as_ref())?,
        event_type: Kind::of(request.event_type()).map(|kind| kind.name),
        score: match request.order() {
            Order::Growth => Score::Growth,
            Order::Units => Score::Units,
            _ => Score::Events,
        },
        after: after(&page)?,
    };
    let (name, rows) = (ListTrendingRequest::METHOD, page.rows());
    let rows = app.db.read_stale(name, async |tx| reports::rank(tx, wanted, rows).await).await?;
    let (entries, next_page_token) = page.items(rows, entry, cursor);
    Ok(ListTrendingResponse { entries, next_page_token })
}

fn entry(row: &Ranked) -> TrendingEntry {
    TrendingEntry {
        value: row.value.clone(),
        events: Some(compared(row.events, row.events_before)),
        units: Some(compared(row.units, row.units_before)),
    }
}

fn cursor(row: &Ranked) -> Vec<u8> {
    [&row.score.to_be_bytes()[..], row.value.as_bytes()].concat()
}

/// Score and value after which a page begins.
fn after(page: &Page) -> Result<Option<(i64, String)>, Fault> {
    let Some(cursor) = page.cursor() else { return Ok(None) };
    let after = cursor.split_first_chunk::<8>().and_then(|(score, value)| {
        let value = String::from_utf8(value.to_vec()).ok()?;
        Some((i64::from_be_bytes(*score), value))
    });
    // A token whose signature is valid can have another form only if another release made it.
    let wrong = || Fault::field(Common::PageTokenInvalid, "page_token", "start at the first page");
    after.map(Some).ok_or_else(wrong)
}
