//! Lists the dead letters of one service.

use super::{Operations, times};
use crate::Paging;
use bus::dead::{self, DeadLetter};
use contracts::operations::v1::{ListDeadLettersRequest, ListDeadLettersResponse};
use fault::Fault;

const METHOD: &str = "/souk.operations.v1.OperationsService/ListDeadLetters";

/// A page of dead letters, oldest first.
pub(super) async fn list_dead_letters(
    app: &Operations,
    mut request: ListDeadLettersRequest,
) -> Result<ListDeadLettersResponse, Fault> {
    let token = std::mem::take(&mut request.page_token);
    let size = Paging::size(std::mem::take(&mut request.page_size))?;
    let service = app.database(&request.service)?.service();
    let [after] = app.paging.places(METHOD, &request, &token)?.unwrap_or_default();
    let filter = request.filter.clone().unwrap_or_default();
    times::check(&filter)?;
    let page = dead::page(&app.bus, service, &filter, after, size.get().into()).await?;
    let next_page_token = app.paging.next_places(METHOD, &request, page.next.map(|at| [at]));
    let letters = page.dead_letters.iter().map(DeadLetter::message).collect();
    Ok(ListDeadLettersResponse { letters, next_page_token })
}
