//! Changes the units on hand of a SKU in a warehouse.

use crate::update_stock::{codes, items, require, update_all};
use crate::{App, wire};
use convert::read;
use fault::Fault;
use warehouse_api::v1::{UpdateStockRequest, UpdateStockResponse};

/// One change; what is refused changes nothing.
pub async fn update_stock(
    app: &App,
    request: UpdateStockRequest,
) -> Result<UpdateStockResponse, Fault> {
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let codes = codes(app, request.update.as_ref()).await?;
    let update = &read(|fields| {
        fields.message("update", request.update.as_ref(), |fields, sent| {
            wire::stock_update::update(fields, sent, &codes)
        })
    })?;
    let items = items(app, &[update]).await?;
    let item = require(&items, update).map_err(|fault| fault.below("update"))?;
    app.db
        .write_once(&request, async move |tx| {
            let mut answers = update_all(app, tx, &[(update, item)], |answers| {
                answers.iter().any(Result::is_err)
            })
            .await?;
            let done = answers.pop().ok_or_else(|| Fault::internal("not answered"))?;
            let done = done.map_err(|fault| fault.below("update"))?;
            let movement = done.movement.map(|own| wire::level::movement(&own, &done.level));
            Ok(UpdateStockResponse { stock: Some((&done.level).into()), movement })
        })
        .await
}
