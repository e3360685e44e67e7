//! Changes what is set of a level.

use crate::domain::level::Settings;
use crate::stock::Room;
use crate::{App, catalog};
use convert::read;
use fault::Fault;
use kernel::head::Changed;
use warehouse_api::v1::{UpdateStockSettingsRequest, UpdateStockSettingsResponse};

const FIELDS: [&str; 3] = ["safety_stock", "backorder_limit", "preorder_ship_time"];

/// Changes the settings that the mask names. A SKU that was never stocked in the warehouse gets a level.
pub async fn update_stock_settings(
    app: &App,
    request: UpdateStockSettingsRequest,
) -> Result<UpdateStockSettingsResponse, Fault> {
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let (sku, id, named, wanted) = read(|fields| {
        let sku = fields.sku("sku", &request.sku);
        let id = fields.id("warehouse_id", &request.warehouse_id);
        let named = fields.mask("update_mask", request.update_mask.as_ref(), &FIELDS);
        let wanted = fields.message("settings", request.settings.as_ref(), |fields, sent| {
            let time = sent.preorder_ship_time.as_ref();
            Some(Settings {
                safety_stock: sent.safety_stock,
                backorder_limit: sent.backorder_limit,
                preorder_ships_at: fields.optional_instant("preorder_ship_time", time)?,
            })
        });
        Some((sku?, id?, named?, wanted?))
    })?;
    let item = &catalog::require(app, &sku, "sku").await?;
    let (sku, named, expected) = (&sku, &named, request.expected_version);
    app.db
        .write_once(&request, async move |tx| {
            let mut room = Room::open(app, tx, &[(item, id)]).await?;
            let level = room.level(sku, id, "warehouse_id")?.clone();
            level.expect(expected)?;
            let (mut settings, mut changed) = (level.settings, Changed::among(named));
            changed.set("safety_stock", &mut settings.safety_stock, wanted.safety_stock);
            changed.set("backorder_limit", &mut settings.backorder_limit, wanted.backorder_limit);
            let time = wanted.preorder_ships_at;
            changed.set("preorder_ship_time", &mut settings.preorder_ships_at, time);
            room.ledger.set(level.head.id, settings, level.threshold)?;
            let level = room.close(tx, level.head.id).await?;
            Ok(UpdateStockSettingsResponse { stock: Some((&level).into()) })
        })
        .await
}
