//! Returns the rules for the sale of a SKU.

use crate::store::rules;
use crate::{App, catalog, wire};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use warehouse_api::v1::{GetSkuRulesRequest, GetSkuRulesResponse};

/// Those of a SKU without are the default.
pub async fn get_sku_rules(
    app: &App,
    request: GetSkuRulesRequest,
) -> Result<GetSkuRulesResponse, Fault> {
    let sku = read(|fields| fields.sku("sku", &request.sku))?;
    catalog::require_ever(app, &sku, "sku").await?;
    let own = &sku;
    let found =
        app.db.look_up(GetSkuRulesRequest::METHOD, async |tx| rules::get(tx, own).await).await?;
    Ok(GetSkuRulesResponse { rules: Some(wire::level::rules(&sku, &found)) })
}
