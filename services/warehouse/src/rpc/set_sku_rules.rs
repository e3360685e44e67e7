//! Sets the rules for the sale of a SKU.

use crate::domain::rules::Rules;
use crate::store::{rules, thresholds};
use crate::{App, catalog, wire};
use convert::read;
use fault::{Common, Fault};
use warehouse_api::v1::{SetSkuRulesRequest, SetSkuRulesResponse};

/// All rules of a SKU at once; those that it has already are not set anew.
pub async fn set_sku_rules(
    app: &App,
    request: SetSkuRulesRequest,
) -> Result<SetSkuRulesResponse, Fault> {
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let (sku, wanted) = read(|fields| {
        fields.message("rules", request.rules.as_ref(), |fields, sent| {
            let sku = fields.sku("sku", &sent.sku);
            if sent.maximum > 0 && sent.maximum < sent.minimum.max(sent.step) {
                let message = "must not be below the minimum and the step";
                fields.note(Common::InvalidField, "maximum", message);
            }
            let own = Rules {
                low_stock_threshold: sent.low_stock_threshold,
                minimum: sent.minimum,
                maximum: sent.maximum,
                step: sent.step,
                hold_seconds: sent.hold_seconds,
                updated_at: None,
            };
            Some((sku?, own))
        })
    })?;
    catalog::require(app, &sku, "rules.sku").await?;
    let sku = &sku;
    app.db
        .write_once(&request, async move |tx| {
            let before = rules::get(tx, sku).await?;
            if before.updated_at.is_some()
                && before == (Rules { updated_at: before.updated_at, ..wanted })
            {
                return Ok(SetSkuRulesResponse { rules: Some(wire::level::rules(sku, &before)) });
            }
            let own = Rules { updated_at: Some(tx.now().await?), ..wanted };
            rules::upsert(tx, sku, &own).await?;
            thresholds::look_at_sku(tx, sku).await?;
            tx.notify_after_commit(app.thresholds_due.clone());
            Ok(SetSkuRulesResponse { rules: Some(wire::level::rules(sku, &own)) })
        })
        .await
}
