//! Returns one brand.

use crate::store::brands;
use crate::{App, wire};
use contracts::catalog::v1::{GetBrandRequest, GetBrandResponse};
use fault::Fault;

/// A brand that exists.
pub async fn get_brand(app: &App, request: GetBrandRequest) -> Result<GetBrandResponse, Fault> {
    let id = wire::id("brand_id", &request.brand_id)?;
    let brand = app.db.read("catalog.get_brand", async move |tx| brands::get(tx, id).await).await?;
    Ok(GetBrandResponse { brand: Some((&brand).into()) })
}
