//! Renames a brand.

use crate::store::brands;
use crate::{App, wire};
use contracts::catalog::v1::{UpdateBrandRequest, UpdateBrandResponse};
use fault::Fault;

/// Gives a brand a name that no other has.
pub async fn update_brand(
    app: &App,
    request: UpdateBrandRequest,
) -> Result<UpdateBrandResponse, Fault> {
    let id = wire::id("brand_id", &request.brand_id)?;
    let name = &wire::brand::name(&request.name)?;
    let expected = request.expected_version;
    app.db
        .write_once("catalog.update_brand", &request, async move |tx| {
            let mut brand = brands::lock(tx, id).await?;
            let taken = brands::is_taken(tx, name, id).await?;
            let change = brand.rename(name.clone(), taken, expected, tx.now().await?)?;
            brands::save(tx, &brand, change.as_ref()).await?;
            Ok(UpdateBrandResponse { brand: Some((&brand).into()) })
        })
        .await
}
