//! Returns one brand.

use crate::App;
use crate::domain::brand::Brand;
use catalog_api::v1::{GetBrandRequest, GetBrandResponse};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use pg::entity;

/// A brand that exists.
pub async fn get_brand(app: &App, request: GetBrandRequest) -> Result<GetBrandResponse, Fault> {
    let id = read(|fields| fields.id("brand_id", &request.brand_id))?;
    let brand: Brand =
        app.db.look_up(GetBrandRequest::METHOD, async move |tx| entity::get(tx, id).await).await?;
    Ok(GetBrandResponse { brand: Some((&brand).into()) })
}
