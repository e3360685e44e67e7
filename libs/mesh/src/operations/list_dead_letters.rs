//! Lists the dead letters of one service.

use super::{Operations, times};
use bus::dead::{self, DeadLetter};
use contracts::operations::v1::{ListDeadLettersRequest, ListDeadLettersResponse};
use fault::Fault;

/// A page of dead letters, oldest first.
pub(super) async fn list_dead_letters(
    app: &Operations,
    request: ListDeadLettersRequest,
) -> Result<ListDeadLettersResponse, Fault> {
    let service = app.database(&request.service)?.service();
    let page = app.paging.page(&request)?;
    let [after] = page.positions()?.unwrap_or_default();
    let filter = request.filter.clone().unwrap_or_default();
    times::check(&filter)?;
    let found = dead::page(&app.bus, service, &filter, after, page.size()).await?;
    let next_page_token = page.next_at(found.next.map(|at| [at]));
    let dead_letters = found.dead_letters.iter().map(DeadLetter::message).collect();
    Ok(ListDeadLettersResponse { letters: dead_letters, next_page_token })
}
